"""What the zygote makes once for all containers: a user namespace, idmapped views of the images, a tiny root of its own."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass

from farm.container import plan
from farm.container.spec import Host
from farm.errors import KernelError
from farm.kernel import mount as m
from farm.kernel import process, userns
from farm.model.distro import Overlay


@dataclass(frozen=True, slots=True)
class Ground:
    """``views`` maps directories of the host to where the zygote's root shows them. Owns ``userns_fd`` (-1: none)."""

    host: Host
    views: tuple[tuple[str, str], ...]
    userns_fd: int
    warnings: tuple[str, ...]

    def translated(self, overlays: tuple[Overlay, ...]) -> tuple[Overlay, ...]:
        """``overlays`` with the host's paths as this root has them; KernelError (ENOENT) for one outside every view."""
        return tuple(Overlay(each.target, tuple(self._view(path) for path in each.lowers)) for each in overlays)

    def _view(self, path: str) -> str:
        for directory, view in self.views:
            if path == directory or path.startswith(directory + "/"):
                return view + path[len(directory) :]
        raise KernelError("open_tree", errno.ENOENT, (path,), "no view was asked for that shows this directory")


def prepare(directories: tuple[str, ...], id_map: userns.IdMap | None, cgroup2: bool, binds: tuple[str, ...]) -> Ground:
    """Leave the host's mount namespace for one that holds only what containers need. Changes this process for good.

    ``directories`` become views; ``binds`` (cgroup v1 hierarchies) stay reachable under their own paths. Where the kernel
    or a file system cannot be idmapped, containers run without a user namespace and ``warnings`` says so.
    """
    process.unshare(process.CLONE_NEWNS)
    m.mount("", "/", flags=m.MS_REC | m.MS_PRIVATE)
    userns_fd, warnings = _user_namespace(directories, id_map)
    trees = [(directory, _tree(directory, userns_fd)) for directory in directories]
    kept = [(path, m.open_tree(path)) for path in binds]
    paths = {path: os.path.isdir(path) for path in (*plan.MASKED, *plan.READ_ONLY) if os.path.lexists(path)}

    root = "/proc"  # any directory that every host has: the mount on it is seen by nobody else
    m.mount("farm", root, "tmpfs", m.MS_NODEV | m.MS_NOSUID, "mode=755,size=1m")
    for name in ("c", "node", "empty", "views"):
        os.mkdir(f"{root}/{name}")
    views = []
    for number, (directory, tree) in enumerate(trees):
        os.mkdir(f"{root}/views/{number}")
        m.move_mount(tree, f"{root}/views/{number}")
        os.close(tree)
        views.append((directory, f"/views/{number}"))
    for path, tree in kept:
        os.makedirs(root + path)
        m.move_mount(tree, root + path)
        os.close(tree)
    m.mount("empty", f"{root}/empty", "tmpfs", m.MS_RDONLY | m.MS_NODEV | m.MS_NOSUID | m.MS_NOEXEC, "mode=755,size=4k")
    os.chdir(root)
    m.pivot_root(".", ".")
    m.umount2(".", m.MNT_DETACH)
    os.chdir("/")
    host = Host(
        id_base=id_map.base if id_map is not None and userns_fd >= 0 else 0,
        cgroup2=cgroup2,
        masked=tuple(path for path in plan.MASKED if path in paths),
        masked_directories=frozenset(path for path, is_directory in paths.items() if is_directory),
        read_only=tuple(path for path in plan.READ_ONLY if path in paths),
    )
    # Longest first, so that a view inside another one is found before it.
    return Ground(host, tuple(sorted(views, key=lambda pair: -len(pair[0]))), userns_fd, warnings)


def _user_namespace(directories: tuple[str, ...], id_map: userns.IdMap | None) -> tuple[int, tuple[str, ...]]:
    if id_map is None:
        return -1, ("no user namespace, as asked: a container's root is the host's root",)
    try:
        fd = userns.create_userns(id_map)
    except OSError as error:
        return -1, (f"no user namespace ({error}): a container's root is the host's root",)
    for directory in directories:
        try:
            os.close(_tree(directory, fd))
        except KernelError as error:
            os.close(fd)
            return -1, (f"{directory} cannot be idmapped ({error}): a container's root is the host's root",)
    return fd, ()


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
