"""What the zygote makes once for all containers: a user namespace, idmapped views of the images, a tiny root of its own."""

from __future__ import annotations

import os

from farm.errors import KernelError
from farm.kernel import mount as m
from farm.kernel import process, userns


def view(number: int) -> str:
    """Where the zygote's root shows the directory with that number."""
    return f"/views/{number}"


def prepare(directories: tuple[str, ...], id_map: tuple[int, int] | None, binds: tuple[str, ...]) -> tuple[int, str]:
    """Leave the host's mount namespace for one that holds only what containers need. Changes this process for good.

    ``directories`` become views; ``binds`` (cgroup v1 hierarchies) stay reachable under their own paths. ``id_map`` is
    what ``IdMap`` takes, None for no user namespace. The user namespace's descriptor, which the caller owns, and an empty
    text; or -1 and a sentence that says why there is none: as asked, or because the kernel or a file system cannot be idmapped.
    """
    process.unshare(process.CLONE_NEWNS)
    m.mount("", "/", flags=m.MS_REC | m.MS_PRIVATE)
    userns_fd, reason = _user_namespace(directories, id_map)
    trees = [_tree(directory, userns_fd) for directory in directories]
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
    return userns_fd, reason


def _user_namespace(directories: tuple[str, ...], id_map: tuple[int, int] | None) -> tuple[int, str]:
    if id_map is None:
        return -1, "no user namespace, as asked: a container's root is the host's root"
    try:
        fd = userns.create_userns(userns.IdMap(*id_map))
    except OSError as error:
        return -1, f"no user namespace ({error}): a container's root is the host's root"
    for directory in directories:
        try:
            os.close(_tree(directory, fd))
        except KernelError as error:
            os.close(fd)
            return -1, f"{directory} cannot be idmapped ({error}): a container's root is the host's root"
    return fd, ""


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
