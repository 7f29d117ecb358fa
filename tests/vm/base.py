"""The machine's system disk: a small Debian with a kernel, made once and kept.

The kernel comes from the same Debian and stays in there: nothing is installed into the host's /boot. On disk::

    $XDG_CACHE_HOME or ~/.cache/farm-vm/
      lock               held while one of these is being made
      base-<suite>-<key>/  complete or absent: made beside it, renamed into place; <key> is a digest of its recipe
        root.img         ext4, sparse; the machine writes to a throw-away copy
        vmlinuz initrd
      site-<python>-<key>/ the project's dependencies for the machine's python; <key> is a digest of their names
"""

from __future__ import annotations

import contextlib
import fcntl
import glob
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tools import call, install_missing, say

PYTHON_OF_SUITE = {"bookworm": "3.11", "trixie": "3.13"}
"""The Debian releases a machine can be made of, and the version of their python3."""

_PACKAGES = (
    "linux-image-cloud-amd64",
    "initramfs-tools",
    "xz-utils",
    "zstd",
    "python3",
    "kmod",
    "procps",
    "iproute2",
    "libseccomp2",
    "e2fsprogs",
)
# Only what it takes to find the root disk: the initrd of all modules takes an emulated machine seconds to unpack.
_INITRD_MODULES = ("virtio_pci", "virtio_blk", "ext4")
_HERE = os.path.dirname(os.path.abspath(__file__))


@dataclass(frozen=True, slots=True)
class Base:
    """Paths of a machine's parts; they stay the cache's."""

    root_image: str
    kernel: str
    initrd: str


def ready(suite: str) -> Base:
    """The system disk and the kernel to boot it with, made if need be: a minute or two with a network."""
    install_missing()
    with open(f"{_HERE}/guest-init", encoding="utf-8") as file:
        recipe = (suite, *_PACKAGES, *_INITRD_MODULES, file.read())
    path = cached(f"base-{suite}", recipe, lambda path: _make(path, suite))
    return Base(f"{path}/root.img", f"{path}/vmlinuz", f"{path}/initrd")


def cached(kind: str, recipe: tuple[str, ...], make: Callable[[str], None]) -> str:
    """The folder that ``make`` fills for ``recipe``; others of its kind, of older recipes, are removed."""
    cache = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "farm-vm")
    key = hashlib.sha256("\0".join(recipe).encode()).hexdigest()[:16]
    path = f"{cache}/{kind}-{key}"
    os.makedirs(cache, exist_ok=True)
    with _locked(f"{cache}/lock"):
        if not os.path.isdir(path):
            for old in glob.glob(f"{glob.escape(cache)}/{kind}-*"):
                shutil.rmtree(old)
            with tempfile.TemporaryDirectory(prefix=f".{kind}-", dir=cache) as scratch:
                os.mkdir(f"{scratch}/made")
                make(f"{scratch}/made")
                os.rename(f"{scratch}/made", path)
    return path


@contextlib.contextmanager
def _locked(path: str) -> Iterator[None]:
    with open(path, "w", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _make(path: str, suite: str) -> None:
    say(f"making a base disk of Debian {suite}")
    with tempfile.TemporaryDirectory(prefix="farm-vm-base-") as root:
        modules = "".join(f"{name}\\n" for name in _INITRD_MODULES)
        call(
            "mmdebstrap",
            "--quiet",
            "--mode=root",
            "--variant=minbase",
            "--dpkgopt=force-unsafe-io",  # nothing of it has to outlive a crash of the host
            f"--include={','.join(_PACKAGES)}",
            # Before the kernel's package makes the initrd.
            '--essential-hook=mkdir -p "$1/etc/initramfs-tools/conf.d"',
            '--essential-hook=echo MODULES=list >"$1/etc/initramfs-tools/conf.d/farm"',
            f"--essential-hook=printf '{modules}' >\"$1/etc/initramfs-tools/modules\"",
            suite,
            root,
        )
        os.chmod(root, 0o755)
        shutil.copy(f"{_HERE}/guest-init", f"{root}/guest-init")
        os.chmod(f"{root}/guest-init", 0o755)
        os.makedirs(f"{root}/vm", exist_ok=True)
        for name, pattern in (("vmlinuz", "vmlinuz-*"), ("initrd", "initrd.img-*")):
            (found,) = glob.glob(f"{glob.escape(root)}/boot/{pattern}")
            shutil.move(found, f"{path}/{name}")
        shutil.rmtree(f"{root}/var/cache/apt", ignore_errors=True)
        make_disk(root, f"{path}/root.img", "6G")


def make_disk(tree: str, image: str, size: str) -> None:
    """An ext4 image of ``tree``, sparse, without mounting anything."""
    call("truncate", "-s", size, image)
    call("mke2fs", "-q", "-t", "ext4", "-E", "lazy_itable_init=1,lazy_journal_init=1", "-d", tree, image)
