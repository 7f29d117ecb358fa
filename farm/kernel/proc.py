"""Parsers of the files in /proc that the farm reads; see proc(5)."""

from __future__ import annotations

import re
from dataclasses import dataclass

_OCTAL = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class Mount:
    """One line of /proc/PID/mountinfo; paths are unescaped."""

    mount_id: int
    parent_id: int
    root: str
    mount_point: str
    options: tuple[str, ...]
    fstype: str
    source: str
    super_options: tuple[str, ...]


def parse_mountinfo(text: str) -> tuple[Mount, ...]:
    """The mounts in ``text``, in the kernel's order. Lines that do not look like one are passed over."""
    mounts = []
    for line in text.splitlines():
        left, separator, right = line.partition(" - ")
        fields, tail = left.split(" "), right.split(" ")
        if not separator or len(fields) < 6 or len(tail) < 3:
            continue
        mounts.append(
            Mount(
                mount_id=int(fields[0]),
                parent_id=int(fields[1]),
                root=_unescaped(fields[3]),
                mount_point=_unescaped(fields[4]),
                options=tuple(fields[5].split(",")),
                fstype=tail[0],
                source=_unescaped(tail[1]),
                super_options=tuple(tail[2].split(",")),
            )
        )
    return tuple(mounts)


def mounts(pid: int | str = "self") -> tuple[Mount, ...]:
    """The mounts that process ``pid`` sees."""
    with open(f"/proc/{pid}/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
        return parse_mountinfo(file.read())


def parse_cgroup(text: str) -> dict[str, str]:
    """/proc/PID/cgroup: from each v1 controller (``name=systemd`` included) to its path; the v2 path is under ``""``."""
    paths: dict[str, str] = {}
    for line in text.splitlines():
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            paths[controller] = path
    return paths


def parse_keyed(text: str) -> dict[str, int]:
    """Files of ``key value`` lines such as cpu.stat; lines that are not so are passed over."""
    values = {}
    for line in text.splitlines():
        key, _, value = line.rpartition(" ")
        if key and value.lstrip("-").isdigit():
            values[key] = int(value)
    return values


def start_time_ticks(pid: int) -> int:
    """When process ``pid`` started, in clock ticks since boot: with the pid, it names a process for ever."""
    with open(f"/proc/{pid}/stat", "rb") as file:
        return int(file.read().rpartition(b")")[2].split()[19])


def _unescaped(path: str) -> str:
    return _OCTAL.sub(lambda match: chr(int(match[1], 8)), path) if "\\" in path else path
