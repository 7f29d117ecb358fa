"""Machines by the names that ``uname -m`` prints, and whose programs each runs: pure."""

from __future__ import annotations

_INTEL_32 = ("i686", "i586", "i486", "i386")
_ARM_32 = ("armv8l", "armv7l", "armv6l")
_RUNS = {
    "x86_64": _INTEL_32,
    **dict.fromkeys(_INTEL_32, _INTEL_32),
    "aarch64": _ARM_32,
    **dict.fromkeys(_ARM_32, _ARM_32),
}

NAMES = (
    "x86_64", *_INTEL_32, "aarch64", *_ARM_32, "ppc64le", "ppc64", "s390x", "riscv64", "loongarch64", "mips64", "mips",
)  # fmt: skip
"""What ``arch`` of a distro may be."""

OTHER_NAMES = {
    "amd64": "x86_64", "x86-64": "x86_64", "x64": "x86_64", "386": "i686", "x86": "i686", "arm64": "aarch64",
    "armhf": "armv7l", "arm": "armv7l", "ppc64el": "ppc64le", "loong64": "loongarch64",
}  # fmt: skip
"""What others call them."""


def best(machine: str, arches: tuple[str, ...]) -> str:
    """The one of ``arches`` to have on ``machine``: its own kind, else one whose programs it runs, else empty."""
    return next((each for each in (machine, *arches) if each in arches and runs(machine, each)), "")


def runs(machine: str, arch: str) -> bool:
    """Whether ``machine`` can run programs for ``arch``, as far as the names tell."""
    return machine == arch or arch in _RUNS.get(machine, ())
