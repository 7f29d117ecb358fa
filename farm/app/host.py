"""What commands ask of this host before they do anything: privilege, a folder, a range of ids, descriptors."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterable

from farm.cgroup.kept import allowance
from farm.errors import UsageError
from farm.image.limits import MEMBERS_VARIABLE, SIZE_VARIABLE, UnpackLimits
from farm.image.store import Store, unusable
from farm.kernel import subids
from farm.kernel.userns import IdMap
from farm.model.build import Network
from farm.model.distro import Image
from farm.model.job import Job
from farm.units import parse_bytes

_DESCRIPTORS_A_JOB = 9
"""Open files for one live container: its pipe's ends, log, control socket and pidfd, its v2 group, what it keeps of its root,
and one for its launch."""
_DESCRIPTORS_A_PLAIN_JOB = 3
"""The same of one that is launched at once and keeps nothing, where there is no v2 group: the pipe's one end, control socket,
pidfd. What it has besides for a moment is counted in ``_DESCRIPTORS_OF_OUR_OWN``."""
_DESCRIPTORS_A_V2_GROUP = 3
"""Its folder, its peak of memory, and one for those that are over and that processes still leave."""
_DESCRIPTORS_A_SERVICE = 9  # three of them for what its healthcheck prints
_DESCRIPTORS_OF_OUR_OWN = 128
_FEWEST_DESCRIPTORS = 96  # the zygote's own have numbers above 80


def require_root() -> None:
    """Raises ``UsageError`` for anybody but root."""
    if os.geteuid() != 0:
        raise UsageError(
            "containers need root",
            "namespaces, mounts and control groups are made with CAP_SYS_ADMIN",
            "run it with sudo",
        )


def id_map() -> IdMap:
    """The range of ids for containers: what /etc/subuid and /etc/subgid give root, or the documented default."""
    return subids.id_map(_text("/etc/subuid"), _text("/etc/subgid"))


def unpack_limits() -> UnpackLimits:
    """How much an archive may make of itself, as the environment says. Raises ``UsageError``."""
    given = UnpackLimits()
    try:
        members = int(os.environ.get(MEMBERS_VARIABLE) or given.members)
        if members <= 0:
            raise ValueError(f"not a number of files: {members}")
        size = os.environ.get(SIZE_VARIABLE)
        return UnpackLimits(members=members, total_bytes=parse_bytes(size) if size else given.total_bytes)
    except ValueError as error:
        raise UsageError(
            f"{MEMBERS_VARIABLE} or {SIZE_VARIABLE} is wrong", str(error), "write a number of files, a size such as 64G"
        ) from error


def writable_store(home: str) -> Store:
    """The images below ``home``, a folder that is made. Raises ``UsageError`` where it cannot be, or not be written."""
    store = store_at(home)
    try:
        os.makedirs(home, 0o755, exist_ok=True)
        # Containers see images through one view of this folder, so it has to be there before the first image is.
        os.makedirs(store.rootfs_dir, 0o700, exist_ok=True)
    except OSError as error:
        raise _no_folder(home, error.strerror or str(error)) from error
    return store


def store_at(home: str) -> Store:
    """The images below ``home``, which need not be there yet. Raises ``UsageError`` where it cannot be, or not be written."""
    if reason := unusable(home):
        raise _no_folder(home, reason)
    return Store(home)


def _no_folder(home: str, reason: str) -> UsageError:
    return UsageError("the farm's folder cannot be used", f"{home}: {reason}", "name another one in FARM_HOME")


def views(rootfs_dir: str, images: Iterable[Image]) -> tuple[str, ...]:
    """The directories that containers' lower layers lie in: the store, and folders of the host outside of it."""
    lowers = {lower for image in images for overlay in image.overlays for lower in overlay.lowers}
    outside = {lower for lower in lowers if lower != rootfs_dir and not lower.startswith(rootfs_dir + "/")}
    return (rootfs_dir, *sorted(outside))


def descriptors_of(job: Job, *, keeps: bool = False, v2: bool = True) -> int:
    """Open files for one live container of ``job`` and those beside it: a network that is joined is one more.

    ``keeps`` says that containers may be kept when their command has ended, ``v2`` that control groups are of the second kind.
    """
    joins = bool(job.services) or job.network is Network.ISOLATED
    prepared = joins or bool(job.mounts) or job.limits.disk_bytes is not None
    if prepared or keeps or job.always or job.debug or job.artifacts is not None:
        return _DESCRIPTORS_A_JOB + joins + _DESCRIPTORS_A_SERVICE * len(job.services)
    return _DESCRIPTORS_A_PLAIN_JOB + (_DESCRIPTORS_A_V2_GROUP if v2 else 0)


def raise_descriptors(slots: int, each: int = _DESCRIPTORS_A_JOB) -> int:
    """How many of ``slots`` jobs this process may have descriptors for, its soft limit raised for them if need be.

    ``each`` is how many the greediest of them has, see ``descriptors_of``.

    Not to the hard limit: containers inherit it, and old programs close every descriptor up to theirs one by one. Raises
    ``UsageError`` where even one job would be too many.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = slots * each + _DESCRIPTORS_OF_OUR_OWN + allowance(resource.RLIM_INFINITY)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY:
        return slots
    if soft < _FEWEST_DESCRIPTORS:
        raise UsageError(
            f"this process may have {soft} open files", f"at least {_FEWEST_DESCRIPTORS} are needed", "raise ulimit -n"
        )
    return max(1, min(slots, (soft - _DESCRIPTORS_OF_OUR_OWN - allowance(soft)) // each))


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except FileNotFoundError:
        return ""
