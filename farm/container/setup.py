"""Performs a program inside the new namespaces of one container: system calls in a row, here and there a method.

This is most of what the child of the zygote executes between its birth and the command, on memory that is copied page
by page as it is touched; see ``words``.
"""

from __future__ import annotations

import errno
import os
import struct
from itertools import islice, starmap

from farm.container import numbers
from farm.errors import KernelError
from farm.kernel import files, libc, process, seccomp
from farm.kernel import mount as m

_FILE_TYPE, _DIRECTORY = 0o170000, 0o040000  # S_IFMT and S_IFDIR of inode(7)
_REHEARSALS = 32
_HARMLESS = m.MOUNT_ATTR_NOSUID | m.MOUNT_ATTR_NODEV
_CALL = "7l"  # of struct: a number and six arguments

METHODS = frozenset(
    {
        "attach",
        "attach_inside",
        "bind_inside",
        "load_filter",
        "make_alike",
        "mount_disk",
    }
)
"""What a program calls by name."""


class SetupError(Exception):
    """A step of the program that failed, with the kernel's reason as ``__cause__``."""

    def __init__(self, step: str) -> None:
        super().__init__(step)
        self.step = step


class StuckError(Exception):
    """System call ``position`` of the program failed with errno ``number``; who wrote the program knows what that was."""

    def __init__(self, position: int, number: int) -> None:
        super().__init__(position, number)
        self.position = position
        self.number = number


class Setup:
    """What a program needs besides itself: ``filters`` by their ids, and descriptors as ``numbers`` has them.

    ``listener_fd``, made on the way, answers for the filter; -1 where nobody does.
    """

    __slots__ = ("_filters", "listener_fd")

    def __init__(self, filters: dict[int, seccomp.Filter]) -> None:
        self._filters = filters
        self.listener_fd = -1

    def perform(self, parts: tuple[int | tuple[str, str, tuple[object, ...]], ...], words: memoryview) -> None:
        """Carry out a program, as ``words`` has it, in order. Nothing is undone where it fails.

        Raises ``StuckError`` for a system call and ``SetupError`` for a method.
        """
        calls = struct.iter_unpack(_CALL, words)
        position = 0
        for part in parts:
            if isinstance(part, int):
                # From here on it is C, which goes round without looking at anything else.
                for result in starmap(libc.words, islice(calls, part)):
                    if result < 0:
                        raise StuckError(position, libc.last_errno())
                    position += 1
                continue
            step, method, arguments = part
            try:
                getattr(self, method)(*arguments)
            except OSError as error:
                raise SetupError(step) from error

    def bind_inside(self, source: str, root: str, target: str, read_only: int) -> None:
        """Bind ``source`` at ``target`` below ``root``, by descriptor."""
        flags = _HARMLESS | (m.MOUNT_ATTR_RDONLY if read_only else 0)
        tree = m.open_tree(source)
        try:
            m.mount_setattr("", flags, dir_fd=tree)
            _move_inside(tree, root, target)
        finally:
            os.close(tree)

    def attach_inside(self, index: int, root: str, target: str, read_only: int) -> None:
        """Attach the detached mount ``index`` at ``target`` below ``root``, by descriptor."""
        tree = numbers.FURTHER + index
        m.mount_setattr("", _HARMLESS | (m.MOUNT_ATTR_RDONLY if read_only else 0), dir_fd=tree)
        _move_inside(tree, root, target)

    def attach(self, index: int, target: str) -> None:
        """Attach the detached mount ``index`` at ``target``, a directory that only the farm made; nothing writes to it."""
        tree = numbers.FURTHER + index
        m.mount_setattr("", _HARMLESS | m.MOUNT_ATTR_RDONLY, dir_fd=tree)
        m.move_mount(tree, target)

    def make_alike(self, path: str, model: str) -> None:
        """A new directory with owner, mode and times of ``model``: an overlay shows its upper layer's."""
        status = os.stat(model)
        os.mkdir(path, 0o700)
        os.chown(path, status.st_uid, status.st_gid)
        os.chmod(path, status.st_mode & 0o7777)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))

    def mount_disk(self, target: str, owner: int) -> None:
        """Mount the block device that came with the request; its file system is ext4."""
        # A node of our own: the host's /dev is out of sight here, and this goes with the namespace.
        m.mount("node", "/node", "tmpfs", m.MS_NOSUID | m.MS_NOEXEC, "mode=700")
        os.mknod("/node/disk", 0o60600, os.fstat(numbers.FURTHER).st_rdev)
        m.mount("/node/disk", target, "ext4", m.MS_NODEV)
        m.umount2("/node", m.MNT_DETACH)
        os.rmdir(f"{target}/lost+found")
        os.chown(target, owner, owner)

    def load_filter(self, filter_id: int) -> None:
        """Take the seccomp filter with that id. Opens ``listener_fd``."""
        try:
            self.listener_fd = self._filters[filter_id].load(listener=True)
        except KernelError as error:
            if error.errno != errno.EBUSY:
                raise
            # The farm itself runs under a filter that somebody answers for, and there is one of these a process: what would
            # be asked of us is ENOSYS then.
            self._filters[filter_id].load()


def _move_inside(tree: int, root: str, target: str) -> None:
    """Attach the detached mount ``tree`` at ``target`` below ``root``, which is made where it is not there."""
    root_fd = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        is_directory = os.fstat(tree).st_mode & _FILE_TYPE == _DIRECTORY
        point = files.made_inside(root_fd, target, is_directory=is_directory)
        try:
            if files.file_system(point) in files.KERNEL_FILE_SYSTEMS:
                raise KernelError("move_mount", errno.EPERM, (target,), "it leads to the kernel's own files")
            if (os.fstat(point).st_mode & _FILE_TYPE == _DIRECTORY) != is_directory:
                there, given = ("a file", "a folder") if is_directory else ("a folder", "a file")
                hint = f"the image has {there} there, and the source is {given}"
                raise KernelError("move_mount", errno.ENOTDIR, (target,), hint)
            m.move_mount(tree, "", dir_fd=point)
        finally:
            os.close(point)
    finally:
        os.close(root_fd)


def rehearse() -> None:
    """Perform what changes nothing a few times over.

    The interpreter specialises code that runs often, in place. In a container everything runs once: it would begin with
    that in each one, and never get far. What has been rehearsed before the memory is copied is done with.
    """
    setup = Setup({})
    nothing = struct.pack(
        _CALL, process.NR_close_range, *(0xFFFFFFFF,) * 2, *(0,) * 4
    )  # closes the last number there is
    for _ in range(_REHEARSALS):
        setup.perform((2, 2), memoryview(nothing * 4))
