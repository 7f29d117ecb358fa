"""What becomes of a job between the plan and its container: texts that waited for its image, files of jobs that it needs.

Below the folder of a run, the engine leaves what an attempt hands on::

    artifacts/<job>/<attempt>/       seen by jobs that need it, read-only, as /farm/needs/<test>/

Where a job needs several of one test (other axes, shards, distros), it is /farm/needs/<job> for each of them, the id with
``@`` for ``/``, as in the folders of reports.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TypeAlias

from farm.errors import UsageError
from farm.matrix.late import Completion
from farm.model.distro import Image
from farm.model.job import Job
from farm.model.mount import Mount, MountMode
from farm.model.paths import safe_name
from farm.model.run import Asked
from farm.schedule.driver import Complete, HandOn
from farm.schedule.repeat import first_id

NEEDS = "/farm/needs"

Tried: TypeAlias = Callable[[Job, Asked], Job]


def completing(completion: Completion, asked: Asked, tried: Tried) -> Complete:
    """``completion``, and what the command line says instead of the file."""

    def complete(job: Job, image: Image) -> Job | str:
        try:
            found = completion.complete(job, image)
        except KeyError as error:  # the run is an old one, and the file is no longer what it was then
            raise UsageError(f"the matrix file has changed: {error} is no longer in it") from error
        return found if isinstance(found, str) else tried(found, asked)

    return complete


def handing_on(jobs: Iterable[Job], run_dir: str) -> HandOn:
    """Shows a job what those it needs left in ``run_dir``, which may be nothing."""
    tests = {job.id: job.test for job in jobs}

    def hand_on(job: Job, good: Mapping[str, int]) -> Job:
        count = Counter(tests[need] for need in good)
        mounts = []
        for need, number in good.items():
            source = os.path.join(run_dir, "artifacts", safe_name(need), str(number))
            if os.path.isdir(source):
                test = tests[need]
                name = test if count[test] == 1 else safe_name(first_id(need))
                mounts.append(Mount(source, f"{NEEDS}/{name}", MountMode.RO))
        return replace(job, mounts=(*job.mounts, *mounts)) if mounts else job

    return hand_on
