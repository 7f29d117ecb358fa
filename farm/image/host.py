"""The ``host`` image: the host's own system folders, read-only, without anything that is secret.

A container's root owns every file of its image (the view is idmapped), so file modes protect nothing: what is secret has
to be absent. /etc is a copy of what everybody may read, and each system folder has a layer of whiteouts (character
devices 0:0, see overlayfs) over it that hides what not everybody may read. Nothing else of the host is shown.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pwd
import re
import shutil
import stat
import time

from farm.errors import ImageError, UsageError
from farm.image.facts import read_facts
from farm.image.record import Details
from farm.image.store import Store
from farm.image.walk import hidden_below, holds_key, unreadable
from farm.kernel import proc
from farm.model.distro import Image, Overlay

_FOLDERS = ("usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32")
_EMPTY = (
    ("dev", 0o755), ("home", 0o755), ("media", 0o755), ("mnt", 0o755), ("opt", 0o755), ("proc", 0o555), ("root", 0o700),
    ("run", 0o755), ("srv", 0o755), ("sys", 0o555), ("tmp", 0o1777), ("var", 0o755), ("var/cache", 0o755),
    ("var/lib", 0o755), ("var/log", 0o755), ("var/tmp", 0o1777),
)  # fmt: skip
_SECRET = (
    r"g?shadow-?|passwd-|group-|sub[ug]id-?|.*\.key|.*_key|.*\.p12|.*\.pfx|.*\.jks|.*\.keytab|private|sudoers.*|auth\.conf.*"
    r"|pip\.conf|\.?netrc|\.npmrc|\.pgpass|machine-id|system-connections|credentials.*|.*\.credentials|wpa_supplicant.*"
    r"|wireguard|ssh_host_.*|\.ssh|\.gnupg|opasswd"
)
_FORMAT = b"2"  # of what is made here: images of another format are not taken for this one
_KEPT_S = 86400.0
_ORDINARY_IDS = range(1000, 60000)


def resolve(store: Store) -> Image:
    """The image of this host as it is now. Raises ``OSError``; ``ImageError`` where the store lies in a folder it shows."""
    folders = tuple(f"/{name}" for name in _FOLDERS if os.path.isdir(f"/{name}") and not os.path.islink(f"/{name}"))
    within = next((top for top in folders if store.home.startswith(top + "/")), None)
    if within is not None:
        # overlayfs takes no two layers of which one lies in the other (ELOOP).
        raise ImageError(
            "there is no image of this host",
            f"the farm's folder {store.home} lies in {within}, which the image shows",
            "name a folder elsewhere in FARM_HOME",
        )
    hidden = hidden_below(folders, os.path.join(store.digests_dir, "host-walk"))
    kept = _kept_paths(store)
    hidden = {top: _with(top, paths, kept) for top, paths in hidden.items()}
    digest = _digest(hidden, kept)
    found = store.lookup(digest)
    if found is not None:
        return found
    with store.making(digest) as staging:
        if staging is None:
            made = store.lookup(digest)
            if made is None:
                raise ImageError("the image of this host was removed", digest, "run it again")
            return made
        root = f"{staging.path}/rootfs"
        _skeleton(root, folders, kept)
        for top in folders:
            _whiteouts(f"{staging.path}/masks{top}", top, hidden[top])
        overlays = (Overlay("/", (root,)), *(Overlay(top, (f"{staging.path}/masks{top}", top)) for top in folders))
        image = store.commit(staging, Image(digest, "host", overlays, read_facts("/")), Details(time.time()))
    _forget_older(store, digest)
    return image


def secret(name: str, mode: int) -> bool:
    """Whether an entry of /etc is kept from containers: by its name, or because not everybody on the host may read it."""
    if stat.S_ISLNK(mode):
        return False
    if re.fullmatch(_SECRET, name):  # compiled when there is a name, and then kept by re
        return True
    return unreadable(mode) or (stat.S_ISREG(mode) and not mode & 0o004)


def _kept_paths(store: Store) -> tuple[str, ...]:
    """Paths that are kept whatever their modes: the farm's own, people's home folders, mounts.

    A lower layer shows what lies below a mount on the host, which nobody there can see.
    """
    homes = (each.pw_dir for each in pwd.getpwall() if each.pw_uid in _ORDINARY_IDS)
    mounted = (each.mount_point for each in proc.mounts())
    found = {os.path.realpath(path) for path in (store.home, *homes)} | set(mounted)
    return tuple(sorted(path for path in found if path.count("/") > 1))


def _with(top: str, hidden: tuple[str, ...], kept: tuple[str, ...]) -> tuple[str, ...]:
    """``hidden`` and what of ``kept`` lies below ``top``, without what lies below another one of them."""
    found: list[str] = []
    names = {*hidden, *(path[len(top) + 1 :] for path in kept if path.startswith(top + "/") and os.path.lexists(path))}
    for path in sorted(names, key=lambda each: each + "/"):
        if not found or not path.startswith(found[-1] + "/"):
            found.append(path)
    return tuple(found)


def _forget_older(store: Store, digest: str) -> None:
    """Remove images of this host as it was, those that nobody used for a day."""
    for each in store.images():
        if each.source == "host" and each.digest != digest and store.used_at(each.digest) < time.time() - _KEPT_S:
            with contextlib.suppress(UsageError):
                store.remove(each.digest)


def _digest(hidden: dict[str, tuple[str, ...]], kept: tuple[str, ...]) -> str:
    within = tuple(path for path in kept if path.startswith("/etc/"))
    total = hashlib.sha256(_FORMAT + repr((hidden, within)).encode(errors="surrogateescape"))
    for name in _FOLDERS:
        total.update(os.fsencode(os.readlink(f"/{name}")) if os.path.islink(f"/{name}") else b"")
    for folder, folders, files in os.walk("/etc"):
        folders.sort()
        for name in sorted(folders + files):
            with contextlib.suppress(FileNotFoundError):
                about = os.lstat(os.path.join(folder, name))
                line = f"{folder}/{name} {about.st_mode} {about.st_size} {about.st_mtime_ns} {about.st_ctime_ns}\n"
                total.update(line.encode(errors="surrogateescape"))
    return total.hexdigest()


def _skeleton(root: str, folders: tuple[str, ...], kept: tuple[str, ...]) -> None:
    os.mkdir(root, 0o755)
    for name, mode in (*_EMPTY, *((top[1:], 0o755) for top in folders)):
        os.mkdir(f"{root}/{name}")
        os.chmod(f"{root}/{name}", mode)
    for name in _FOLDERS:
        if os.path.islink(f"/{name}"):
            os.symlink(os.readlink(f"/{name}"), f"{root}/{name}")
    _copy("/etc", f"{root}/etc", frozenset(path for path in kept if os.path.isdir(path)))
    for name in ("passwd", "group"):
        _without_hashes(f"{root}/etc/{name}")
    for name, source in (("shadow", "passwd"), ("gshadow", "group")):
        _lock_out(f"{root}/etc/{name}", f"/etc/{source}", "*::0:::::" if name == "shadow" else "*::")
    with open(f"{root}/etc/machine-id", "w"):
        pass


def _copy(source: str, target: str, kept: frozenset[str]) -> None:
    """What everybody may read of ``source``, links as they are; what goes meanwhile is not there."""
    about = os.lstat(source)
    os.mkdir(target)
    with os.scandir(source) as entries:
        for entry in entries:
            path = f"{target}/{entry.name}"
            with contextlib.suppress(FileNotFoundError):
                mode = entry.stat(follow_symlinks=False).st_mode
                if secret(entry.name, mode) or entry.path in kept:
                    continue
                if stat.S_ISLNK(mode):
                    os.symlink(os.readlink(entry.path), path)
                elif stat.S_ISDIR(mode):
                    _copy(entry.path, path, kept)
                elif not holds_key(entry.path):
                    shutil.copy2(entry.path, path, follow_symlinks=False)
    os.chmod(target, stat.S_IMODE(about.st_mode))


def _without_hashes(path: str) -> None:
    """A user database from before there were shadow files has passwords in its second field."""
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        lines = [line.split(":") for line in file]
    if any(len(fields) > 1 and len(fields[1]) > 1 for fields in lines):
        with open(path, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.writelines(
                ":".join([fields[0], "x", *fields[2:]]) if len(fields) > 1 else fields[0] for fields in lines
            )


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
