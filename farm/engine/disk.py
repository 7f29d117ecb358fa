"""The disk-backed scratch space of a job with ``resources.disk``: ext4 on a loop device on a file without a name."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess

from farm.errors import FarmError, KernelError
from farm.kernel import loop
from farm.units import format_bytes

_BLOCK_BYTES = 4096
_PATH = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"
_FEATURES = (
    "none,dir_index,dir_nlink,ext_attr,extent,extra_isize,filetype,flex_bg,huge_file,large_file,sparse_super,uninit_bg"
)
"""Named one by one, so that the host's mke2fs.conf has no say; no journal: what it saves goes with the container."""
_OPTIONS = ("-q", "-F", "-b", str(_BLOCK_BYTES), "-I", "256", "-i", "8192", "-m", "0", "-O", _FEATURES)
_LEAST_BYTES = 1 << 20
"""Below this mkfs.ext4 leaves no room for a file."""


def make_disk(folder: str, size_bytes: int) -> int:
    """A descriptor of a block device of ``size_bytes`` with an empty ext4, its content in ``folder``; the caller owns it.

    The file never has a name and the device frees itself, so both are gone with the last descriptor and the last mount,
    whoever is killed. The file is sparse: it takes what is written. Blocks for some milliseconds.
    Raises ``FarmError`` where mkfs.ext4 is missing or refuses, ``KernelError`` (EOPNOTSUPP: the file system of ``folder``
    cannot have files without a name; ENOENT: no loop devices).
    """
    if size_bytes < _LEAST_BYTES:
        raise FarmError(f"a disk of {size_bytes} bytes is too small", "", f"ask for {_LEAST_BYTES >> 20}M or more")
    program = shutil.which("mkfs.ext4", path=_PATH)
    if program is None:
        raise FarmError("resources.disk needs mkfs.ext4", "the host has none", "install e2fsprogs")
    backing = _nameless_file(folder)
    try:
        try:
            os.truncate(backing, size_bytes - size_bytes % _BLOCK_BYTES)
        except OSError as error:
            hint = "no file of its file system can be that large" if error.errno == errno.EFBIG else ""
            raise KernelError("ftruncate", error.errno or 0, (folder, format_bytes(size_bytes)), hint) from error
        _make_file_system(program, backing)
        return loop.attach(backing, block_bytes=_BLOCK_BYTES)
    finally:
        os.close(backing)


def _nameless_file(folder: str) -> int:
    try:
        return os.open(folder, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        unable = error.errno in (errno.EOPNOTSUPP, errno.EISDIR)
        hint = "its file system cannot have files without a name: put it on ext4, xfs or btrfs" if unable else ""
        raise KernelError("open", error.errno or 0, (folder, "O_TMPFILE"), hint) from error


def _make_file_system(program: str, backing: int) -> None:
    done = subprocess.run(
        [program, *_OPTIONS, f"/proc/self/fd/{backing}"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        pass_fds=(backing,),
        env={"PATH": _PATH, "MKE2FS_CONFIG": "/dev/null"},
        check=False,
    )
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().replace("\n", "; ")
        raise FarmError("mkfs.ext4 failed", said or f"exit status {done.returncode}", "is resources.disk large enough?")
