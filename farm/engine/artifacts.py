"""What an attempt leaves behind: which, when, where it goes, and the test cases in it."""

from __future__ import annotations

import asyncio
import os
import shutil
from dataclasses import dataclass

from farm.engine import globs
from farm.engine.collect import Collected, Collector
from farm.engine.mask import Mask
from farm.errors import FarmError
from farm.kernel.userns import IdMap
from farm.model.artifact import Artifact, Case
from farm.model.outcome import Outcome
from farm.model.rules import Artifacts, When
from farm.report import cases as junit

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
        read, trouble = _cases(found, target, artifacts.junit)
        notes += trouble
        if read:
            cases_path = f"logs/{name}.cases.json"
            junit.save(os.path.join(run_dir, cases_path), junit.masked(read, mask.text) if mask else read)
    count = sum(len(paths) for paths in found.left_out.values())
    brief = f"{count} {'artifact' if count == 1 else 'artifacts'} left out, see the log" if count else ""
    return Left(tuple(found.artifacts), path if found.artifacts else "", cases_path, tuple(notes), brief)


def _cases(found: Collected, target: str, pattern: str) -> tuple[list[Case], list[str]]:
    """The cases of those of the copies that ``pattern`` names, and what was wrong with some."""
    read: list[Case] = []
    trouble = []
    for each in found.artifacts:
        if not globs.matches(pattern, each.path):
            continue
        try:
            read += _read(os.path.join(target, each.path), each)
        except FarmError as error:
            detail = f" ({error.detail})" if error.detail else ""
            trouble.append(f"/{each.path} is not read as JUnit: {error.brief}{detail}")
    if len(read) > junit.MOST_CASES:
        trouble.append(f"only the first {junit.MOST_CASES} of {len(read)} test cases are kept")
    return read[: junit.MOST_CASES], trouble


def _read(path: str, artifact: Artifact) -> list[Case]:
    if artifact.size_bytes > junit.MOST_BYTES:
        raise FarmError(f"it is larger than {junit.MOST_BYTES} bytes")
    with open(path, "rb") as file:
        return junit.parse(file.read(), artifact.path)
