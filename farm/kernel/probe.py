"""What this kernel and this process can do for containers, one check at a time; nothing is changed for good.

What can be tried is tried (``farm.kernel.trial``): a version number says little of a kernel with back-ports, and nothing
of a container or a virtual machine that the farm itself may run in.
"""

from __future__ import annotations

import ctypes.util
import os
import platform
import resource
import shutil
from dataclasses import dataclass
from enum import StrEnum

from farm.kernel import capability, process, trial, userns

OLDEST = (5, 11)
DESCRIPTORS = 4096
CAPABILITIES = frozenset(
    {
        "SYS_ADMIN", "NET_ADMIN", "MKNOD", "CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "SETUID", "SETGID", "SETPCAP",
        "SYS_CHROOT",
    }
)  # fmt: skip
"""What making containers takes; their own (``capability.DEFAULT``) come on top where there is no user namespace."""

_NAMESPACES = (
    process.CLONE_NEWNS
    | process.CLONE_NEWPID
    | process.CLONE_NEWIPC
    | process.CLONE_NEWUTS
    | process.CLONE_NEWCGROUP
    | process.CLONE_NEWNET
)
_HOST_ROOT = "until then a container's root is the host's root"


class Status(StrEnum):
    """``WARN``: containers run, with less around them; ``FAIL``: none does."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Check:
    """One finding: ``detail`` is what was found, ``remedy`` what to do about it, empty where ``status`` is ``OK``."""

    name: str
    status: Status
    detail: str
    remedy: str = ""


def check(name: str, failure: str, detail: str, remedy: str, otherwise: Status = Status.FAIL) -> Check:
    """``OK`` with ``detail`` where ``failure`` is empty, else ``otherwise`` with ``failure`` and ``remedy``."""
    return Check(name, otherwise, failure, remedy) if failure else Check(name, Status.OK, detail)


def checks(directory: str, id_map: userns.IdMap) -> tuple[Check, ...]:
    """Every check of this host. ``directory`` is where images are, or will be: a file system may lack what others have.

    Needs one thread: most of it is tried in children that are copies of it.
    """
    there = existing(directory)
    found = [_kernel(), _privilege(), _namespaces(), _overlay(there), *_user_namespace(there, id_map), _seccomp()]
    found += [_descriptors(), _loop_devices()]
    if platform.machine() == "x86_64":
        found.append(_i386())
    return tuple(found)


def release(text: str) -> tuple[int, int]:
    """Major and minor number of a kernel release such as ``6.1.0-13-amd64``; (0, 0) where it has none."""
    major, _, rest = text.partition(".")
    minor = rest.split(".")[0].split("-")[0]
    return (int(major), int(minor)) if major.isdigit() and minor.isdigit() else (0, 0)


def existing(path: str) -> str:
    """``path``, or the nearest folder above it that is there."""
    path = os.path.abspath(path)
    while not os.path.isdir(path):
        path = os.path.dirname(path)
    return path


def _kernel() -> Check:
    text = os.uname().release
    wanted = ".".join(map(str, OLDEST))
    failure = "" if release(text) >= OLDEST else f"{text} is too old"
    return check("kernel", failure, f"Linux {text}", f"boot Linux {wanted} or newer")


def _privilege() -> Check:
    held = set(capability.names(capability.effective()))
    missing = sorted(CAPABILITIES - held)
    failure = f"user {os.geteuid()} without {', '.join(missing)}" if missing else ""
    return check(
        "privilege", failure, f"user {os.geteuid()}, {len(held)} capabilities", "run as root, outside of containers"
    )


def _namespaces() -> Check:
    failure = trial.attempt(_NAMESPACES, lambda: None)
    return check("namespaces", failure, "mount, pid, ipc, uts, cgroup, network", "run as root; allow clone3 and pidfds")


def _overlay(directory: str) -> Check:
    failure = trial.attempt(process.CLONE_NEWNS, trial.overlay_on(directory))
    detail = f"{directory} with a tmpfs on top"
    return check(
        "overlayfs", failure, detail, f"modprobe overlay, or put FARM_HOME on another file system than {directory}"
    )


def _user_namespace(directory: str, id_map: userns.IdMap) -> tuple[Check, ...]:
    name = "user namespaces"
    span = f"ids 0 to {id_map.count - 1} are {id_map.base} to {id_map.base + id_map.count - 1} of the host"
    try:
        fd = userns.create_userns(id_map)
    except OSError as error:
        remedy = f"raise the sysctl user.max_user_namespaces, now {_text('/proc/sys/user/max_user_namespaces')}; {_HOST_ROOT}"
        return (check(name, str(error), "", remedy, Status.WARN),)
    try:
        failure = trial.attempt(process.CLONE_NEWNS, trial.overlay_on(directory, fd))
    finally:
        os.close(fd)
    remedy = f"Linux 5.19 or newer, and FARM_HOME on ext4, xfs or btrfs; {_HOST_ROOT}"
    return (
        check(name, "", span, ""),
        check("idmapped layers", failure, f"{directory} can be idmapped below an overlay", remedy, Status.WARN),
    )


def _seccomp() -> Check:
    actions = _text("/proc/sys/kernel/seccomp/actions_avail").split()
    failure = "" if "errno" in actions else "this kernel filters no system calls"
    if not failure and ctypes.util.find_library("seccomp") is None:
        return check(
            "seccomp", "no libseccomp", "", "install libseccomp2 (Debian, Ubuntu, SUSE) or libseccomp (others)"
        )
    return check("seccomp", failure, "filters of system calls", "boot a kernel with CONFIG_SECCOMP_FILTER")


def _descriptors() -> Check:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = "any number of" if hard == resource.RLIM_INFINITY else f"{hard}"
    failure = "" if hard == resource.RLIM_INFINITY or hard >= DESCRIPTORS else f"only {hard} open files"
    remedy = f"raise the hard limit (ulimit -Hn) to {DESCRIPTORS} or more; until then fewer containers run at once"
    return check("descriptors", failure, f"{most} open files", remedy, Status.WARN)


def _loop_devices() -> Check:
    otherwise = "until then jobs with resources.disk end as error"
    if shutil.which("mkfs.ext4", path="/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin") is None:
        return check("disks", "no mkfs.ext4", "", f"install e2fsprogs; {otherwise}", Status.WARN)
    failure = "" if os.path.exists("/dev/loop-control") else "no /dev/loop-control"
    return check("disks", failure, "loop devices and mkfs.ext4", f"modprobe loop; {otherwise}", Status.WARN)


def _i386() -> Check:
    remedy = "boot a kernel with CONFIG_IA32_EMULATION and without ia32_emulation=0; until then no i386 image runs"
    return check("32-bit programs", trial.run_i386(), "i386 programs run", remedy, Status.WARN)


def _text(path: str) -> str:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return ""
