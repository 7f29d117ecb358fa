"""What this host can do for containers, one check at a time; nothing is changed for good."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

from farm.kernel import capability, proc

_OLDEST = (5, 11)
_IDMAPPED_OVERLAY = (5, 19)


@dataclass(frozen=True, slots=True)
class Check:
    """One finding. ``needed`` says that nothing runs without it; ``remedy`` is empty where ``ok``."""

    name: str
    ok: bool
    needed: bool
    found: str
    remedy: str = ""


def checks() -> tuple[Check, ...]:
    """Every check of this host, the needed ones first."""
    probes: tuple[Callable[[], Check], ...] = (
        _root,
        _kernel,
        _overlay,
        _control_groups,
        _idmapped,
        _user_namespaces,
        _seccomp,
    )
    return tuple(probe() for probe in probes)


def release(text: str) -> tuple[int, int]:
    """Major and minor number of a kernel release such as ``6.1.0-13-amd64``; (0, 0) where it has none."""
    major, _, rest = text.partition(".")
    minor = rest.split(".")[0].split("-")[0]
    return (int(major), int(minor)) if major.isdigit() and minor.isdigit() else (0, 0)


def _root() -> Check:
    able = os.geteuid() == 0 and bool(capability.effective() & capability.mask({"SYS_ADMIN"}))
    found = "root with CAP_SYS_ADMIN" if able else f"user {os.geteuid()} without CAP_SYS_ADMIN"
    return Check("privilege", able, True, found, "" if able else "run as root, outside of containers")


def _kernel() -> Check:
    text = os.uname().release
    able = release(text) >= _OLDEST
    return Check("kernel", able, True, text, "" if able else "Linux 5.11 or newer is needed")


def _overlay() -> Check:
    able = _has_word("/proc/filesystems", "overlay")
    return Check("overlayfs", able, True, "yes" if able else "not loaded", "" if able else "modprobe overlay")


def _control_groups() -> Check:
    found = sorted({mount.fstype for mount in proc.mounts() if mount.fstype in ("cgroup", "cgroup2")})
    kinds = " and ".join({"cgroup": "v1", "cgroup2": "v2"}[each] for each in found)
    return Check(
        "control groups", bool(found), True, kinds or "none", "" if found else "mount cgroup2 on /sys/fs/cgroup"
    )


def _idmapped() -> Check:
    text = os.uname().release
    able = release(text) >= _IDMAPPED_OVERLAY
    remedy = "Linux 5.19 or newer; until then a container's root is the host's root"
    return Check("idmapped overlay layers", able, False, "yes" if able else f"not in {text}", "" if able else remedy)


def _user_namespaces() -> Check:
    most = _number("/proc/sys/user/max_user_namespaces")
    remedy = "sysctl user.max_user_namespaces=1000; until then a container's root is the host's root"
    return Check("user namespaces", most > 0, False, f"{most} allowed", "" if most > 0 else remedy)


def _seccomp() -> Check:
    able = _has_word("/proc/sys/kernel/seccomp/actions_avail", "errno")
    return Check(
        "seccomp filters", able, True, "yes" if able else "no", "" if able else "a kernel with CONFIG_SECCOMP_FILTER"
    )


def _has_word(path: str, word: str) -> bool:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return word in file.read().split()
    except OSError:
        return False


def _number(path: str) -> int:
    try:
        with open(path, encoding="ascii") as file:
            return int(file.read())
    except (OSError, ValueError):
        return 0
