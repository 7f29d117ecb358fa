"""A directory as a tar archive in a pipe, so that it is unpacked by the same worker, under the same rules."""

from __future__ import annotations

import contextlib
import os
import tarfile

from farm.image.digests import walk


def pack(top: str, pipe_fd: int) -> None:
    """Write the directory ``top`` to ``pipe_fd`` and close it; mounts below it and sockets are left out.

    What goes wrong ends the archive early, which its reader sees; so does a reader that went away.
    """
    with (
        contextlib.suppress(OSError, tarfile.TarError),
        open(pipe_fd, "wb") as pipe,
        tarfile.open(fileobj=pipe, mode="w|", format=tarfile.PAX_FORMAT, encoding="utf-8", bufsize=1 << 18) as archive,
    ):
        for relative, _ in walk(top):
            path = os.path.join(top, relative)
            member = archive.gettarinfo(path, relative or ".")
            if member is None:
                continue
            member.uname = member.gname = ""
            if member.isreg():
                fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
                with open(fd, "rb") as file:
                    archive.addfile(member, file)
            else:
                archive.addfile(member)
            archive.members = []  # type: ignore[attr-defined]  # of no use while writing; memory stays flat
