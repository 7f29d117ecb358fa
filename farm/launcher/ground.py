"""What the zygote makes once for all containers: a user namespace, idmapped views of the images, a tiny root of its own."""

from __future__ import annotations

import os
import resource

from farm.errors import KernelError
from farm.kernel import mount as m
from farm.kernel import process, userns

_USER_NAMESPACES = 2


def view(number: int) -> str:
    """Where the zygote's root shows the directory with that number."""
    return f"/views/{number}"


def prepare(
    directories: tuple[str, ...], id_map: tuple[int, int] | None, binds: tuple[str, ...]
) -> tuple[tuple[int, ...], str]:
    """Leave the host's mount namespace for one that holds only what containers need. Changes this process for good.

    ``directories`` become views; ``binds`` (cgroup v1 hierarchies) stay reachable under their own paths. ``id_map`` is
    what ``IdMap`` takes, None for no user namespace. Two user namespaces of the same ids, whose descriptors the caller
    owns, and an empty text; or none and a sentence that says why: as asked, or because the kernel or a file system cannot
    be idmapped.

    The second one is for containers with capabilities beyond the usual. Some of what the kernel keeps by user namespace
    (binfmt_misc's interpreters) can be changed with those, and would decide what happens in everybody's containers.
    """
    process.unshare(process.CLONE_NEWNS)
    m.mount("", "/", flags=m.MS_REC | m.MS_PRIVATE)
    userns_fds, reason = _user_namespaces(directories, id_map)
    trees = [_tree(directory, userns_fds[0] if userns_fds else -1) for directory in directories]
    kept = [(path, m.open_tree(path)) for path in binds]

    root = "/proc"  # any directory that every host has: the mount on it is seen by nobody else
    m.mount("farm", root, "tmpfs", m.MS_NODEV | m.MS_NOSUID, "mode=755,size=1m")
    for name in ("c", "node", "empty", "views"):
        os.mkdir(f"{root}/{name}")
    for number, tree in enumerate(trees):
        os.mkdir(root + view(number))
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


def _user_namespaces(directories: tuple[str, ...], id_map: tuple[int, int] | None) -> tuple[tuple[int, ...], str]:
    if id_map is None:
        return (), "no user namespace, as asked: a container's root is the host's root"
    made: list[int] = []
    try:
        made += [userns.create_userns(userns.IdMap(*id_map), id_map[0]) for _ in range(_USER_NAMESPACES)]
    except OSError as error:
        return _without(made, f"no user namespace ({error}): a container's root is the host's root")
    for directory in directories:
        try:
            os.close(_tree(directory, made[0]))
        except KernelError as error:
            return _without(made, f"{directory} cannot be idmapped ({error}): a container's root is the host's root")
    return tuple(made), ""


def _without(made: list[int], reason: str) -> tuple[tuple[int, ...], str]:
    for fd in made:
        os.close(fd)
    return (), reason


def _tree(directory: str, userns_fd: int) -> int:
    """A detached mount of ``directory`` alone, idmapped where there is a user namespace; the caller closes it."""
    tree = m.open_tree(directory)
    try:
        attributes = m.MOUNT_ATTR_IDMAP if userns_fd >= 0 else 0
        m.mount_setattr("", attributes | m.MOUNT_ATTR_RDONLY, dir_fd=tree, userns_fd=max(userns_fd, 0))
    except KernelError:
        os.close(tree)
        raise
    return tree
