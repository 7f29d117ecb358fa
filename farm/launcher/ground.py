"""What the zygote makes once for all containers: a user namespace, idmapped views of the images, a tiny root of its own."""

from __future__ import annotations

import os
import resource

from farm.errors import KernelError
from farm.kernel import mount as m
from farm.kernel import process, userns

_USER_NAMESPACES = 2
_FILE_TYPE, _DIRECTORY = 0o170000, 0o040000  # S_IFMT and S_IFDIR of inode(7)


def view(number: int) -> str:
    """Where the zygote's root shows the directory with that number."""
    return f"/views/{number}"


def prepare(
    views: tuple[tuple[str, bool], ...], id_map: tuple[int, int] | None, binds: tuple[str, ...]
) -> tuple[tuple[int, ...], str]:
    """Leave the host's mount namespace for one that holds only what containers need. Changes this process for good.

    ``views`` are directories or files of the host, each with whether containers may write there; ``binds`` (cgroup v1
    hierarchies) stay reachable under their own paths. ``id_map`` is what ``IdMap`` takes, None for no user namespace. Two
    user namespaces of the same ids, whose descriptors the caller owns, and an empty text; or none and a sentence that says
    why: as asked, or because the kernel or a file system cannot be idmapped.

    The second one is for containers with capabilities beyond the usual. Some of what the kernel keeps by user namespace
    (binfmt_misc's interpreters) can be changed with those, and would decide what happens in everybody's containers.
    """
    process.unshare(process.CLONE_NEWNS)
    m.mount("", "/", flags=m.MS_REC | m.MS_PRIVATE)
    userns_fds, reason = _user_namespaces(views, id_map)
    trees = [_tree(path, userns_fds[0] if userns_fds else -1, writable=writable) for path, writable in views]
    kept = [(path, m.open_tree(path)) for path in binds]

    root = "/proc"  # any directory that every host has: the mount on it is seen by nobody else
    m.mount("farm", root, "tmpfs", m.MS_NODEV | m.MS_NOSUID, "mode=755,size=1m")
    for name in ("c", "node", "empty", "views"):
        os.mkdir(f"{root}/{name}")
    for number, tree in enumerate(trees):
        if os.fstat(tree).st_mode & _FILE_TYPE == _DIRECTORY:
            os.mkdir(root + view(number))
        else:
            os.mknod(root + view(number))
        m.move_mount(tree, root + view(number))
        os.close(tree)
    for path, tree in kept:
        os.makedirs(root + path)
        m.move_mount(tree, root + path)
        os.close(tree)
    m.mount("empty", f"{root}/empty", "tmpfs", m.MS_RDONLY | m.MS_NODEV | m.MS_NOSUID | m.MS_NOEXEC, "mode=755,size=4k")
    os.chdir(root)
    m.pivot_root(".", ".")
    m.umount2(".", m.MNT_DETACH)
    os.chdir("/")
    return userns_fds, reason


def lift_limits() -> None:
    """Let no limit of whoever started the farm (``ulimit -u``, ``-f``, ``-v``) decide what a test does, as far as may be.

    That of processes counts all containers together, which are one user: the pids quota of each is what holds it.
    """
    for what in (
        resource.RLIMIT_NPROC,
        resource.RLIMIT_CPU,
        resource.RLIMIT_FSIZE,
        resource.RLIMIT_AS,
        resource.RLIMIT_DATA,
    ):
        hard = resource.getrlimit(what)[1]
        for most in (resource.RLIM_INFINITY, hard):
            try:
                resource.setrlimit(what, (most, most))
                break
            except (OSError, ValueError):  # a hard limit is raised with CAP_SYS_RESOURCE only
                continue


def _user_namespaces(
    views: tuple[tuple[str, bool], ...], id_map: tuple[int, int] | None
) -> tuple[tuple[int, ...], str]:
    if id_map is None:
        return (), "no user namespace, as asked: a container's root is the host's root"
    made: list[int] = []
    try:
        made += [userns.create_userns(userns.IdMap(*id_map), id_map[0]) for _ in range(_USER_NAMESPACES)]
    except OSError as error:
        return _without(made, f"no user namespace ({error}): a container's root is the host's root")
    for path, writable in views:
        try:
            os.close(_tree(path, made[0], writable=writable))
        except KernelError as error:
            return _without(made, f"{path} cannot be idmapped ({error}): a container's root is the host's root")
    return tuple(made), ""


def _without(made: list[int], reason: str) -> tuple[tuple[int, ...], str]:
    for fd in made:
        os.close(fd)
    return (), reason


def _tree(path: str, userns_fd: int, *, writable: bool) -> int:
    """A detached mount of ``path`` alone, idmapped where there is a user namespace; the caller closes it."""
    tree = m.open_tree(path)
    try:
        attributes = m.MOUNT_ATTR_IDMAP if userns_fd >= 0 else 0
        attributes |= 0 if writable else m.MOUNT_ATTR_RDONLY
        m.mount_setattr("", attributes, dir_fd=tree, userns_fd=max(userns_fd, 0))
    except KernelError:
        os.close(tree)
        raise
    return tree
