"""The command that runs one job again."""

from __future__ import annotations

import functools
import os
import shlex

from farm.model.job import Job
from farm.model.run import RunInfo

_ENDING_FROM = "#"


def here() -> str:
    """The folder that this process is in; empty where it was removed."""
    try:
        return os.getcwd()
    except OSError:
        return ""


def repro(info: RunInfo, job: Job, *, directory: str) -> str:
    """One line for a shell in ``directory`` (empty: anywhere) that runs ``job`` of this run, and what it needs, as it ran then.

    The same matrix file, folders of distros, images where they were locked, and further attempts. Of repetitions it is one.
    """
    asked = info.asked
    words = ["farm", "run", _shortest(info.matrix_path, directory), "--job", _first(job)]
    if asked.retries is not None:
        words += ["--retries", str(asked.retries)]
    if asked.fail_on_flaky:
        words.append("--fail-on-flaky")
    if asked.locked:
        words.append("--locked")
    if asked.reserve_cpus or asked.reserve_memory_bytes:
        parts = [f"cpus={asked.reserve_cpus:g}"] if asked.reserve_cpus else []
        parts += [f"memory={asked.reserve_memory_bytes}"] if asked.reserve_memory_bytes else []
        words += ["--reserve", ",".join(parts)]
    command = shlex.join(words)
    if asked.catalogue:
        return f"FARM_DISTROS={shlex.quote(':'.join(map(os.path.abspath, asked.catalogue)))} {command}"
    return command


def _first(job: Job) -> str:
    """The id without the number of a repetition, which no axis value ends with: ``]`` is the last of those."""
    name, hash_, number = job.id.rpartition(_ENDING_FROM)
    return name if hash_ and number.isdecimal() else job.id


def _shortest(path: str, directory: str) -> str:
    """``path`` from ``directory`` where it lies below it."""
    if os.path.isabs(path) and os.path.isabs(directory):
        return _below(path, directory)
    inside = os.path.relpath(path, directory) if path and directory else ".."
    return path if inside.startswith("..") else inside


@functools.lru_cache(maxsize=8)
def _below(path: str, directory: str) -> str:
    """The same of absolute ones, wherever this process is: one answer for all jobs of a run."""
    inside = os.path.relpath(path, directory)
    return path if inside.startswith("..") else inside
