"""What a report says of a run before its first job: who ran what, where."""

from __future__ import annotations

import os
import platform
import time

import psutil

from farm import __version__
from farm.app.options import RunOptions
from farm.matrix.document import Matrix
from farm.model.ports import EngineInfo
from farm.model.run import RunInfo


def about(run_id: str, matrix: Matrix, options: RunOptions, engine: EngineInfo, notes: tuple[str, ...]) -> RunInfo:
    """The run ``run_id`` on this host, now."""
    system = os.uname()
    return RunInfo(
        id=run_id,
        name=matrix.name,
        matrix_path=os.path.abspath(matrix.path),
        started_at=time.time(),
        farm_version=__version__,
        hostname=system.nodename,
        kernel=system.release,
        host_name=_host_name(),
        cpus=len(os.sched_getaffinity(0)),
        memory_bytes=psutil.virtual_memory().total,
        cgroup=engine.cgroup,
        user_namespace=engine.user_namespace,
        seccomp=engine.seccomp,
        warnings=engine.warnings + notes,
        command_line=("farm", *options.argv),
        asked=options.asked,
    )


def _host_name() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "")
    except OSError:
        return ""
