"""The ``host`` image: the host's own system folders, read-only, without anything that is secret.

A container's root owns every file of its image (the view is idmapped), so file modes protect nothing: what is secret has
to be absent. /etc is a copy of what everybody may read, and each system folder has a layer of whiteouts (character
devices 0:0, see overlayfs) over it that hides what not everybody may read. Nothing else of the host is shown.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import stat

from farm.image.facts import read_facts
from farm.image.store import Store
from farm.model.distro import Image, Overlay

_FOLDERS = ("usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32")
_EMPTY = (
    ("dev", 0o755), ("home", 0o755), ("media", 0o755), ("mnt", 0o755), ("opt", 0o755), ("proc", 0o555), ("root", 0o700),
    ("run", 0o755), ("srv", 0o755), ("sys", 0o555), ("tmp", 0o1777), ("var", 0o755), ("var/cache", 0o755),
    ("var/lib", 0o755), ("var/log", 0o755), ("var/tmp", 0o1777),
)  # fmt: skip
_SECRET = re.compile(
    r"g?shadow-?|passwd-|group-|sub[ug]id-|.*\.key|.*_key|.*\.p12|.*\.pfx|private|sudoers.*|krb5\.keytab|auth\.conf.*"
    r"|pip\.conf|\.netrc|netrc|machine-id|system-connections|.*\.pem\.private|credentials.*|wpa_supplicant.*"
)


def resolve(store: Store) -> Image:
    """The image of this host as it is now. Raises ``OSError``."""
    folders = [name for name in _FOLDERS if os.path.isdir(f"/{name}") and not os.path.islink(f"/{name}")]
    hidden = {name: tuple(_hidden(f"/{name}")) for name in folders}
    digest = _digest(hidden)
    found = store.lookup(digest)
    if found is not None:
        return found
    with store.importing(digest) as staged:
        found = store.lookup(digest)
        if found is not None:
            return found
        _skeleton(f"{staged}/rootfs", folders)
        for name in folders:
            _whiteouts(f"{staged}/masks/{name}", f"/{name}", hidden[name])
        final = f"{store.rootfs_dir}/{digest}"
        overlays = (Overlay("/", (f"{final}/rootfs",)),) + tuple(
            Overlay(f"/{name}", (f"{final}/masks/{name}", f"/{name}")) for name in folders
        )
        return store.commit(staged, Image(digest, "host", overlays, read_facts("/")))


def secret(name: str, mode: int) -> bool:
    """Whether an entry is kept from containers: by its name, or because not everybody on the host may read it."""
    if stat.S_ISLNK(mode):
        return False
    if _SECRET.fullmatch(name):
        return True
    if stat.S_ISDIR(mode):
        return mode & 0o005 != 0o005
    if stat.S_ISREG(mode):
        return mode & 0o005 == 0  # a program that everybody may run is no secret
    return True


def _hidden(top: str) -> list[str]:
    """Paths below ``top``, relative to it, that are kept; names alone do not count here, where packages put what they like."""
    found, stack = [], [top]
    while stack:
        folder = stack.pop()
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_symlink():
                    continue
                if secret("", entry.stat(follow_symlinks=False).st_mode):
                    found.append(os.path.relpath(entry.path, top))
                elif entry.is_dir(follow_symlinks=False):
                    stack.append(entry.path)
    return sorted(found)


def _digest(hidden: dict[str, tuple[str, ...]]) -> str:
    total = hashlib.sha256(repr(hidden).encode(errors="surrogateescape"))
    for folder, folders, files in os.walk("/etc"):
        folders.sort()
        for name in sorted(folders + files):
            about = os.lstat(os.path.join(folder, name))
            total.update(
                f"{folder}/{name} {about.st_mode} {about.st_size} {about.st_mtime_ns}".encode(errors="surrogateescape")
            )
    return total.hexdigest()


def _skeleton(root: str, folders: list[str]) -> None:
    os.mkdir(root, 0o755)
    for name, mode in (*_EMPTY, *((name, 0o755) for name in folders)):
        os.mkdir(f"{root}/{name}")
        os.chmod(f"{root}/{name}", mode)
    for name in _FOLDERS:
        if os.path.islink(f"/{name}"):
            os.symlink(os.readlink(f"/{name}"), f"{root}/{name}")
    _copy("/etc", f"{root}/etc")
    for name, source in (("shadow", "passwd"), ("gshadow", "group")):
        _lock_out(f"{root}/etc/{name}", f"/etc/{source}", "*::0:::::" if name == "shadow" else "*::")
    with open(f"{root}/etc/machine-id", "w"):
        pass


def _copy(source: str, target: str) -> None:
    """What everybody may read of ``source``, links as they are."""
    about = os.lstat(source)
    os.mkdir(target)
    with os.scandir(source) as entries:
        for entry in entries:
            path, mode = f"{target}/{entry.name}", entry.stat(follow_symlinks=False).st_mode
            if secret(entry.name, mode):
                continue
            if stat.S_ISLNK(mode):
                os.symlink(os.readlink(entry.path), path)
            elif stat.S_ISDIR(mode):
                _copy(entry.path, path)
            else:
                shutil.copy2(entry.path, path)
    os.chmod(target, stat.S_IMODE(about.st_mode))


def _lock_out(path: str, source: str, rest: str) -> None:
    """A shadow file in which nobody has a password, so that su and getent work."""
    with open(source, encoding="utf-8", errors="replace") as file:
        names = [line.partition(":")[0] for line in file if ":" in line]
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(f"{name}:{rest}\n" for name in names)
    os.chmod(path, 0o640)


def _whiteouts(layer: str, folder: str, hidden: tuple[str, ...]) -> None:
    os.makedirs(layer)
    _like(layer, folder)
    for path in hidden:
        parts = path.split("/")
        for depth in range(1, len(parts)):
            above = "/".join(parts[:depth])
            if not os.path.isdir(f"{layer}/{above}"):
                os.mkdir(f"{layer}/{above}")
                _like(f"{layer}/{above}", f"{folder}/{above}")
        os.mknod(f"{layer}/{path}", stat.S_IFCHR, os.makedev(0, 0))


def _like(target: str, source: str) -> None:
    about = os.stat(source)
    os.chmod(target, stat.S_IMODE(about.st_mode))
    os.chown(target, about.st_uid, about.st_gid)
