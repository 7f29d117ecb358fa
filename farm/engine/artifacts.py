"""What an attempt leaves behind: which, when, where it goes, and the test cases in it."""

from __future__ import annotations

import asyncio
import os
import shutil

from farm.engine.collect import Collector
from farm.engine.mask import Mask
from farm.kernel.userns import IdMap
from farm.model.artifact import Artifact
from farm.model.outcome import Outcome
from farm.model.rules import Artifacts, When
from farm.values import dataclass

_GOOD = frozenset({Outcome.PASSED, Outcome.XFAILED})


@dataclass(frozen=True, slots=True)
class Left:
    """What was copied; ``notes`` are sentences for the log, ``brief`` a shorter one for the reason."""

    artifacts: tuple[Artifact, ...] = ()
    path: str = ""
    cases_path: str = ""
    notes: tuple[str, ...] = ()
    brief: str = ""


def wanted(artifacts: Artifacts | None, outcome: Outcome) -> bool:
    """Whether an attempt with ``outcome`` is to leave its ``artifacts``. A cancelled one leaves none: who waits wants to go."""
    if artifacts is None or outcome is Outcome.CANCELLED:
        return False
    if artifacts.when is When.ALWAYS:
        return True
    return outcome in _GOOD if artifacts.when is When.ON_SUCCESS else outcome.bad


async def collect(
    root_fd: int, artifacts: Artifacts, run_dir: str, name: str, id_map: IdMap | None, mask: Mask | None
) -> Left:
    """Copy ``artifacts`` from the container's root to ``run_dir``/artifacts/``name``, and read the cases in them.

    ``name`` is the job's safe name and the attempt's number. Raises ``OSError`` where the copies cannot be written.
    """
    return await asyncio.to_thread(_collect, root_fd, artifacts, run_dir, name, id_map, mask)


def _collect(
    root_fd: int, artifacts: Artifacts, run_dir: str, name: str, id_map: IdMap | None, mask: Mask | None
) -> Left:
    path = f"artifacts/{name}"
    target = os.path.join(run_dir, path)
    shutil.rmtree(target, ignore_errors=True)  # what the same attempt left when the farm was killed
    found = Collector(root_fd, target, artifacts.most_bytes, id_map, mask).collect(artifacts.paths)
    notes = found.notes()
    cases_path = ""
    if artifacts.junit:
        # Not above: junitparser and lxml, which few jobs need and no first container should wait for.
        from farm.engine import cases

        cases_path = f"logs/{name}.cases.json"
        read, trouble = cases.kept(found, target, artifacts.junit, mask, os.path.join(run_dir, cases_path))
        notes += trouble
        cases_path = cases_path if read else ""
    count = sum(len(paths) for paths in found.left_out.values())
    brief = f"{count} {'artifact' if count == 1 else 'artifacts'} left out, see the log" if count else ""
    return Left(tuple(found.artifacts), path if found.artifacts else "", cases_path, tuple(notes), brief)
