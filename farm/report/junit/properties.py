"""What is known of a run and of a job beside outcomes, as names and values: pure."""

from __future__ import annotations

import shlex

from farm.model.job import Attempt
from farm.model.run import JobRecord, RunInfo
from farm.report import words
from farm.report.text import line

Properties = tuple[tuple[str, str], ...]


def of_run(info: RunInfo) -> Properties:
    """The same for every suite; what is not known is left out."""
    found = (
        ("run", info.id),
        ("farm", info.farm_version),
        ("matrix", info.matrix_path),
        ("command", shlex.join(info.command_line)),
        ("host", info.host_name),
        ("kernel", info.kernel),
        ("cpus", str(info.cpus)),
        ("memory_bytes", str(info.memory_bytes)),
        ("cgroup", info.cgroup),
        ("isolation", "; ".join(words.weaknesses(info)) or "full"),
        ("seed", "" if info.asked.seed is None else str(info.asked.seed)),
    )
    return tuple((name, line(value)) for name, value in found if value)


def of_job(record: JobRecord, attempt: Attempt | None, again: str, sources: dict[str, str]) -> Properties:
    """``attempt`` made the outcome, ``again`` is the command for another one; ``sources`` are those of images by digest."""
    job = record.job
    found = [("distro", job.distro), *((f"axis.{name}", value) for name, value in job.axes)]
    found += [("outcome", record.outcome or "not-run"), ("attempts", str(len(record.attempts)))]
    found += [("tags", ",".join(job.tags)), ("where", job.where)]
    if attempt is not None:
        usage = attempt.usage
        found += [("image", attempt.image), ("image_source", sources.get(attempt.image, ""))]
        found += [("ended", words.ending(attempt.wait_status)), ("log", attempt.log_path)]
        found += [("cpu_s", "" if usage.cpu_s is None else f"{usage.cpu_s:.3f}")]
        found += [("memory_peak_bytes", "" if usage.memory_peak_bytes is None else str(usage.memory_peak_bytes))]
    found.append(("repro", again))
    return tuple((line(name), line(value)) for name, value in found if value)


def in_one_line(known: Properties) -> str:
    """``known`` as words of a shell, ``name=value``: for the schemas in which a case has no properties of its own."""
    return shlex.join(f"{name}={value}" for name, value in known)
