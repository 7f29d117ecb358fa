"""Unpacks an archive that nobody trusts, in a process that can break nothing but its staging directory.

It imports what it needs and opens the archive, then locks itself in: namespaces of its own without a network, the staging
directory as its root file system through an idmapped view, the containers' user namespace, no capabilities beyond what
unpacking takes. From then on every name in the archive, ``..`` and symbolic links included, resolves inside.

Kept: directories, regular files, symbolic and hard links, modes with setuid bits, owners up to 65,535, times from 1970 to
2106. Dropped and counted: device nodes, FIFOs, sockets. Past a limit, or with an owner out of range, unpacking stops.
"""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import json
import lzma
import os
import signal
import sys
import tarfile
from typing import IO

import zstandard

from farm.kernel import capability, mount, process, userns

MOST_MEMBERS = 1_000_000
MOST_BYTES = 32 << 30
_LAST_TIME = 0xFFFFFFFF
_CAPABILITIES = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID")
_CHUNK_BYTES = 1 << 20


class RefusedError(Exception):
    """The archive holds something that is not unpacked."""


def open_archive(path: str) -> IO[bytes]:
    """The tar stream in ``path``, decompressed by what its first bytes say."""
    file = open(path, "rb")  # noqa: SIM115  # handed on
    magic = file.read(6)
    file.seek(0)
    if magic.startswith(b"\x1f\x8b"):
        return io.BufferedReader(gzip.GzipFile(fileobj=file), _CHUNK_BYTES)
    if magic.startswith(b"\xfd7zXZ\x00"):
        return lzma.LZMAFile(file)
    if magic.startswith(b"BZh"):
        return bz2.BZ2File(file)
    if magic.startswith(b"\x28\xb5\x2f\xfd"):
        return io.BufferedReader(zstandard.ZstdDecompressor().stream_reader(file), _CHUNK_BYTES)
    return file


def lock_in(root: str, id_map: userns.IdMap | None) -> bool:
    """Make ``root`` all there is. False where it had to be without a user namespace (see ``launcher.ground``)."""
    process.prctl(process.PR_SET_PDEATHSIG, signal.SIGKILL)
    userns_fd = -1
    process.unshare(process.CLONE_NEWNS | process.CLONE_NEWNET | process.CLONE_NEWIPC | process.CLONE_NEWUTS)
    mount.mount("", "/", flags=mount.MS_REC | mount.MS_PRIVATE)
    tree = mount.open_tree(root)
    if id_map is not None:
        try:
            userns_fd = userns.create_userns(id_map)
            mount.mount_setattr("", mount.MOUNT_ATTR_IDMAP, dir_fd=tree, userns_fd=userns_fd)
        except OSError:
            userns_fd = -1
    mount.move_mount(tree, root)
    os.close(tree)
    os.chdir(root)
    mount.pivot_root(".", ".")
    mount.umount2(".", mount.MNT_DETACH)
    os.chdir("/")
    if userns_fd >= 0:
        process.setns(userns_fd, process.CLONE_NEWUSER)
        os.close(userns_fd)
    process.become(0, 0)
    process.prctl(process.PR_SET_NO_NEW_PRIVS, 1)
    capability.keep_only(capability.mask(_CAPABILITIES))
    process.prctl(process.PR_SET_PDEATHSIG, signal.SIGKILL)
    return userns_fd >= 0


def unpack(stream: IO[bytes]) -> dict[str, int]:
    """Extract the tar ``stream`` below ``/``. Returns ``members``, ``bytes`` and ``dropped``."""
    members = size = dropped = 0
    times: list[tuple[str, int]] = []
    os.umask(0)
    with tarfile.open(fileobj=stream, mode="r|", errorlevel=2) as archive:
        for member in archive:
            members += 1
            size += max(member.size, 0)
            if members > MOST_MEMBERS or size > MOST_BYTES:
                raise RefusedError(f"more than {MOST_MEMBERS} members or {MOST_BYTES} bytes")
            if member.size < 0 or not (0 <= member.uid < 65536 and 0 <= member.gid < 65536):
                raise RefusedError(f"{member.name!r} has an impossible size or an owner past 65535")
            path = os.path.normpath("/" + member.name.lstrip("/"))
            if path == "/":
                continue
            if not (member.isreg() or member.isdir() or member.issym() or member.islnk()):
                dropped += 1
                continue
            os.makedirs(os.path.dirname(path), 0o755, exist_ok=True)
            _extract(archive, member, path)
            if member.isdir():
                times.append((path, _clamped(member.mtime)))
            archive.members = []  # type: ignore[attr-defined]  # a stream is never asked again; memory stays flat
    for path, when in reversed(times):
        os.utime(path, (when, when), follow_symlinks=False)
    return {"members": members, "bytes": size, "dropped": dropped}


def _extract(archive: tarfile.TarFile, member: tarfile.TarInfo, path: str) -> None:
    if member.isdir():
        with contextlib.suppress(FileExistsError):
            os.mkdir(path)
        os.chown(path, member.uid, member.gid)
        os.chmod(path, member.mode & 0o7777)
        return
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    if member.islnk():
        os.link(os.path.normpath("/" + member.linkname.lstrip("/")), path, follow_symlinks=False)
        return
    if member.issym():
        os.symlink(member.linkname, path)
        os.chown(path, member.uid, member.gid, follow_symlinks=False)
    else:
        _write(archive, member, path)
    os.utime(path, (_clamped(member.mtime),) * 2, follow_symlinks=False)


def _write(archive: tarfile.TarFile, member: tarfile.TarInfo, path: str) -> None:
    source = archive.extractfile(member)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        while source is not None and (data := source.read(_CHUNK_BYTES)):
            os.write(fd, data)
        os.fchown(fd, member.uid, member.gid)
        os.fchmod(fd, member.mode & 0o7777)
    finally:
        os.close(fd)


def _clamped(when: float) -> int:
    return int(min(max(when, 0), _LAST_TIME))


def main(archive: str, root: str, base: str) -> None:
    """Entry point of the process: prints one JSON object, with ``error`` where it failed."""
    try:
        stream = open_archive(archive)
        isolated = lock_in(root, userns.IdMap(int(base)) if base else None)
        result: dict[str, object] = {**unpack(stream), "user_namespace": isolated}
    except (
        RefusedError,
        tarfile.TarError,
        EOFError,
        lzma.LZMAError,
        zstandard.ZstdError,
        ValueError,
        OSError,
    ) as error:
        result = {"error": f"{type(error).__name__}: {error}", "errno": getattr(error, "errno", 0) or 0}
    sys.stdout.write(json.dumps(result))
