"""Runs whose failures have causes: a handful of distros with their facts, and tests that fail where one says so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from farm.model.distro import Facts
from farm.model.job import Attempt, Job
from farm.model.outcome import Outcome
from farm.model.run import JobRecord, RunRecord, UsedImage
from tests.unit.report.runs import info

DISTROS = {
    "alpine-3.10": Facts("alpine", "3.10.9", "", "alpine", "apk", "musl", "1.1.22", "x86_64", "", "busybox"),
    "alpine-3.20": Facts("alpine", "3.20.3", "", "alpine", "apk", "musl", "1.2.5", "x86_64", "", "busybox"),
    "busybox": Facts("", "", "", "", "", "musl", "1.2.5", "x86_64", "", "busybox"),
    "centos-7": Facts("centos", "7", "", "redhat", "yum", "glibc", "2.17", "x86_64", "", "systemd"),
    "tumbleweed": Facts("opensuse-tumbleweed", "20240101", "", "suse", "zypper", "glibc", "2.38", "x86_64", "", "none"),
    "ubuntu-12.04": Facts("ubuntu", "12.04", "", "debian", "apt", "glibc", "2.15", "x86_64", "", "upstart"),
    "ubuntu-14.04": Facts("ubuntu", "14.04", "", "debian", "apt", "glibc", "2.19", "i686", "", "upstart"),
    "ubuntu-24.04": Facts("ubuntu", "24.04", "", "debian", "apt", "glibc", "2.39", "x86_64", "", "none"),
}
"""Those of the real root filesystems."""

End = Outcome | tuple[Outcome, str]
"""How a job ended, and why."""


def job(test: str, distro: str, axes: tuple[tuple[str, str], ...] = (), **more: object) -> Job:
    suffix = "[" + ",".join(f"{name}={value}" for name, value in axes) + "]" if axes else ""
    return replace(Job(f"{test}/{distro}{suffix}", test, distro, axes, ("sh",), "true"), **more)  # type: ignore[arg-type]


def run(
    ends: Callable[[Job], End],
    *,
    tests: Sequence[str] = ("t",),
    axes: dict[str, Sequence[str]] | None = None,
    distros: dict[str, Facts] | None = None,
) -> RunRecord:
    """Every test on every distro with all values of the axes; a failure's reason is its signature."""
    distros = DISTROS if distros is None else distros
    cells: list[tuple[tuple[str, str], ...]] = [()]
    for name, values in (axes or {}).items():
        cells = [(*cell, (name, value)) for cell in cells for value in values]
    jobs = [job(test, distro, cell) for test in tests for distro in distros for cell in cells]
    images = tuple(UsedImage(f"digest of {name}", name, "", facts) for name, facts in distros.items())
    return RunRecord(info(), tuple(ended(each, ends(each)) for each in jobs), status="bad", images=images)


def ended(each: Job, end: End) -> JobRecord:
    outcome, reason = end if isinstance(end, tuple) else (end, "it broke")
    attempt = Attempt(each.id, 1, outcome, 1.0, reason=reason, image=f"digest of {each.distro}")
    return JobRecord(each, (attempt,), outcome, reason)


def bad_if(condition: Callable[[Job], bool], reason: str = "it broke") -> Callable[[Job], End]:
    return lambda each: (Outcome.FAILED, reason) if condition(each) else Outcome.PASSED
