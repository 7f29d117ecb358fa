"""Removing and measuring trees that an enemy may have filled: no path is followed, depth costs nothing, descriptors are few."""

from __future__ import annotations

import errno
import os
import stat

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def remove(parent_fd: int, name: str) -> int:
    """Delete the directory ``name`` in ``parent_fd`` with all it holds, and say how many bytes of the disk its files had.

    Nothing happens if there is none.

    A folder that is not empty is moved up into the tree's top before it is looked into, so that a tree 100,000 levels
    deep needs neither paths longer than PATH_MAX nor a descriptor a level. Nobody else may write there meanwhile.
    """
    try:
        top = os.open(name, _DIRECTORY, dir_fd=parent_fd)
    except FileNotFoundError:
        return 0
    try:
        os.fchmod(top, 0o700)
        serial = freed_bytes = 0
        mark = f".{os.urandom(8).hex()}-"  # a name that nothing in the tree can have been given on purpose
        waiting = [""]
        while waiting:
            folder = waiting.pop()
            fd = os.open(folder, _DIRECTORY, dir_fd=top) if folder else os.dup(top)
            try:
                full, bytes_of_files = _emptied(fd)
                freed_bytes += bytes_of_files
                for each in full:
                    serial += 1
                    moved = f"{mark}{serial}"
                    os.rename(each, moved, src_dir_fd=fd, dst_dir_fd=top)
                    waiting.append(moved)
            finally:
                os.close(fd)
            if folder:
                os.rmdir(folder, dir_fd=top)
    finally:
        os.close(top)
    os.rmdir(name, dir_fd=parent_fd)
    return freed_bytes


def bytes_of(path: str) -> int:
    """What the regular files below the folder ``path`` hold, holes included, hard links once. Raises ``OSError``.

    One descriptor is all that is open, and it climbs back by ``..``: nobody else may write there meanwhile.
    """
    fd = os.open(path, _DIRECTORY)
    try:
        linked: set[int] = set()
        total, folders = _measured(fd, linked)
        waiting = [folders]
        while waiting:
            if waiting[-1]:
                fd = _moved(fd, waiting[-1].pop())
                size_bytes, folders = _measured(fd, linked)
                total += size_bytes
                waiting.append(folders)
                continue
            waiting.pop()
            if waiting:
                fd = _moved(fd, "..")
        return total
    finally:
        os.close(fd)


def _moved(fd: int, name: str) -> int:
    """A descriptor of the folder ``name`` seen from ``fd``, in its place."""
    there = os.open(name, _DIRECTORY, dir_fd=fd)
    os.close(fd)
    return there


def _measured(fd: int, linked: set[int]) -> tuple[int, list[str]]:
    """What the regular files in ``fd`` hold that are not ``linked``, inodes met before, and the names of its folders."""
    total, folders = 0, []
    for name in os.listdir(fd):
        about = os.stat(name, dir_fd=fd, follow_symlinks=False)
        if stat.S_ISDIR(about.st_mode):
            folders.append(name)
        elif stat.S_ISREG(about.st_mode) and about.st_ino not in linked:
            total += about.st_size
            if about.st_nlink > 1:
                linked.add(about.st_ino)
    return total, folders


def _emptied(fd: int) -> tuple[list[str], int]:
    """Delete what can be deleted in ``fd`` at once: the names of the folders that are not empty, the bytes of the rest."""
    with os.scandir(fd) as entries:
        listed = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    full, freed_bytes = [], 0
    for name, is_directory in listed:
        if not is_directory:
            about = os.stat(name, dir_fd=fd, follow_symlinks=False)
            os.unlink(name, dir_fd=fd)
            # The last of a file's names takes its bytes along.
            freed_bytes += about.st_blocks * 512 if about.st_nlink == 1 else 0
            continue
        try:
            os.rmdir(name, dir_fd=fd)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            full.append(name)
    return full, freed_bytes
