"""The host's files and folders in a job's container: opened here, as detached mounts, and attached inside by the set-up.

A detached mount (open_tree(2)) belongs to no namespace and goes with its last descriptor. So the container's set-up
needs to see nothing of the host, and whatever happens to the path meanwhile, what is mounted is what was opened.
"""

from __future__ import annotations

import asyncio
import errno
import os
import pwd
import stat
from dataclasses import dataclass

from farm.container.spec import MountPoint
from farm.engine import ownership
from farm.engine.idmaps import IdMaps
from farm.engine.user import Identity
from farm.errors import FarmError, KernelError
from farm.kernel import files
from farm.kernel import mount as m
from farm.kernel.sockets import MOST_DESCRIPTORS
from farm.kernel.userns import IdMap
from farm.model.mount import Mount, MountMode

MOST = MOST_DESCRIPTORS - 8
"""As many mounts as fit into one order beside its other descriptors."""

_KERNELS_OWN = ("/proc", "/sys")


@dataclass(slots=True)
class Trees:
    """What ``open_all`` has opened: the descriptors, which the caller closes, where each goes, and what it should know."""

    descriptors: list[int]
    points: list[MountPoint]
    notes: list[str]

    def close(self) -> None:
        """May be called twice."""
        while self.descriptors:
            os.close(self.descriptors.pop())


async def open_all(
    mounts: tuple[Mount, ...], user: Identity, home: str, id_map: IdMap | None, id_maps: IdMaps
) -> Trees:
    """Open what ``mounts`` name, as ``user`` of a container with ``id_map`` (None: no user namespace) is to see it.

    ``home`` is the farm's own folder, of which no container gets to see anything this way. Raises ``FarmError`` naming the
    mount that cannot be.
    """
    trees = Trees([], [], [])
    if len(mounts) > MOST:
        raise FarmError(f"a job can have {MOST} mounts, not {len(mounts)}", "", "mount a folder that holds several")
    try:
        for each in mounts:
            try:
                await _open(each, user, home, id_map, id_maps, trees)
            except OSError as error:
                said = str(error) if isinstance(error, KernelError) else error.strerror
                raise FarmError(f"{title(each)}: {said}") from error
    except BaseException:
        trees.close()
        raise
    return trees


def title(mount: Mount) -> str:
    """What a message calls it."""
    return f"{mount.source} at {mount.target}, {mount.mode.value}"


async def _open(mount: Mount, user: Identity, home: str, id_map: IdMap | None, id_maps: IdMaps, trees: Trees) -> None:
    source = os.path.realpath(mount.source)
    status = os.stat(source)
    _check(mount, source, status, home)
    is_file = stat.S_ISREG(status.st_mode)
    # Layers are folders: of a file that takes writes which vanish, its folder is one, and the file alone is bound.
    opened = os.path.dirname(source) if is_file and mount.mode is MountMode.OVERLAY else source
    tree = m.open_tree(opened)
    trees.descriptors.append(tree)
    # A copy of a shared mount is shared with it: what is mounted on the one would be on the host's as well.
    m.mount_setattr("", 0, dir_fd=tree, propagation=m.MS_PRIVATE)
    if files.file_system(tree) in files.KERNEL_FILE_SYSTEMS:
        raise FarmError(
            f"{title(mount)}: these are the kernel's own files", "", "a container has a /proc and a /sys of its own"
        )
    name = os.path.basename(source) if opened != source else ""
    _check_same(mount, tree, name, status)
    if id_map is not None:
        await _map(mount, tree, status, user, id_map, id_maps, trees)
    trees.points.append(MountPoint(mount.source, mount.target, mount.mode, name=name, is_directory=not is_file))


def _check(mount: Mount, source: str, status: os.stat_result, home: str) -> None:
    """Raises ``FarmError`` where this must not be mounted."""
    target = os.path.normpath(mount.target)
    if not mount.target.startswith("/") or target.strip("/") == "" or _within(target, _KERNELS_OWN):
        raise FarmError(f"{title(mount)}: nothing can be mounted there", "", "name another target")
    if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
        raise FarmError(f"{title(mount)}: it is neither a file nor a folder")
    own = os.path.realpath(home) if home else ""
    if own and _within(source, (own,)):
        raise FarmError(f"{title(mount)}: it is in the farm's own folder {own}")
    if own and mount.mode is MountMode.RW and _within(own, (source,)):
        raise FarmError(
            f"{title(mount)}: the farm's own folder {own} is in it", "", "mount a folder without it, or ro or overlay"
        )


def _check_same(mount: Mount, tree: int, name: str, status: os.stat_result) -> None:
    """Raises ``FarmError`` where what was opened is not what was looked at."""
    if not name:
        if not os.path.samestat(os.fstat(tree), status):
            raise FarmError(f"{title(mount)}: it became something else while it was opened")
        return
    fd = files.openat2(tree, name, os.O_PATH | os.O_NOFOLLOW)
    try:
        if not os.path.samestat(os.fstat(fd), status):
            raise FarmError(f"{title(mount)}: a file that is a mount of its own has no overlay", "", "mount it ro")
    finally:
        os.close(fd)


async def _map(
    mount: Mount, tree: int, status: os.stat_result, user: Identity, id_map: IdMap, id_maps: IdMaps, trees: Trees
) -> None:
    """Make ``tree`` an idmapped mount by the rules of ``ownership``."""
    base, count = id_map.base, id_map.count
    if mount.mode is MountMode.RW:
        has = await asyncio.to_thread(_is_in, status.st_uid, status.st_gid)
        uids = ownership.written(status.st_uid, user.uid, base, count)
        gids = ownership.written(status.st_gid, user.gid, base, count, has=has)
    else:
        uids = ownership.shown(status.st_uid, user.uid, base, count)
        gids = ownership.shown(status.st_gid, user.gid, base, count)
    userns_fd = await id_maps.get(uids, gids)
    try:
        m.mount_setattr("", m.MOUNT_ATTR_IDMAP, dir_fd=tree, userns_fd=userns_fd)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        if mount.mode is MountMode.RW:
            raise FarmError(
                f"{title(mount)}: its file system cannot be idmapped",
                "what the job would write would be nobody's",
                "mount it ro or overlay, or put it on ext4, xfs or btrfs",
            ) from error
        trees.notes.append(
            f"{title(mount)}: its file system cannot be idmapped, so the job reads what everybody may read of it"
        )


def _is_in(uid: int, gid: int) -> bool:
    """User ``uid`` of the host could make files of group ``gid``, set-group-id programs included."""
    if uid in (0, gid):
        return True
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        return False
    return gid in os.getgrouplist(entry.pw_name, entry.pw_gid)


def _within(path: str, tops: tuple[str, ...]) -> bool:
    return any(path == top or path.startswith(top.rstrip("/") + "/") for top in tops)
