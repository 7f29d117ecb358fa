"""From a distro's source to an image in the store."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys

from farm.errors import ImageError
from farm.image import host
from farm.image.facts import read_facts
from farm.image.store import Store
from farm.kernel.userns import IdMap
from farm.model.distro import Image, Overlay, Source, SourceKind

_UNPACK_LIMIT_S = 1800


def resolve(source: Source, store: Store, id_map: IdMap | None) -> Image:
    """The image of ``source``, from the store or imported into it. Raises ``ImageError`` naming what is wrong with it."""
    try:
        if source.kind is SourceKind.HOST:
            return host.resolve(store)
        digest = _tree_digest(source.path) if source.kind is SourceKind.DIRECTORY else _file_digest(source.path)
        if source.sha256 is not None and source.sha256 != digest:
            raise ImageError(
                f"{source.path} has the wrong digest",
                f"wanted sha256 {source.sha256}, found {digest}",
                "fetch it again",
            )
        return store.lookup(digest) or _import(source, digest, store, id_map)
    except OSError as error:
        raise ImageError(
            f"cannot import {source.path}", str(error), "look at the path and the space that is left"
        ) from error


def _import(source: Source, digest: str, store: Store, id_map: IdMap | None) -> Image:
    with store.importing(digest) as staged:
        found = store.lookup(digest)  # by another process, while this one waited
        if found is not None:
            return found
        root = os.path.join(staged, "rootfs")
        os.mkdir(root, 0o755)
        if source.kind is SourceKind.DIRECTORY:
            subprocess.run(["cp", "-a", "--", f"{source.path}/.", root], check=True, stdin=subprocess.DEVNULL)
            size = 0
        else:
            size = _unpack(source.path, root, id_map)
        final = os.path.join(store.rootfs_dir, digest, "rootfs")
        return store.commit(staged, Image(digest, source.path, (Overlay("/", (final,)),), read_facts(root), size))


def _unpack(archive: str, root: str, id_map: IdMap | None) -> int:
    """Run the worker; bytes unpacked. Raises ``ImageError`` with what it says."""
    code = "import sys; sys.path[:] = sys.argv[4:]; from farm.image.worker import main; main(*sys.argv[1:4])"
    base = str(id_map.base) if id_map is not None else ""
    done = subprocess.run(
        [sys.executable, "-I", "-B", "-c", code, archive, root, base, *sys.path],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=_UNPACK_LIMIT_S,
        check=False,
    )
    try:
        result = json.loads(done.stdout)
    except ValueError:
        result = {
            "error": done.stderr.decode(errors="replace").strip().rpartition("\n")[2] or f"exit {done.returncode}"
        }
    if "error" in result:
        raise ImageError(
            f"cannot unpack {archive}", str(result["error"]), "is it a whole tar archive of a root filesystem?"
        )
    return int(result["bytes"])


def _file_digest(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _tree_digest(path: str) -> str:
    """sha256 over names, types, modes, owners, link targets and contents, in sorted order."""
    total = hashlib.sha256()
    for folder, folders, files in os.walk(os.fsencode(path)):
        folders.sort()
        for name in sorted(folders + files):
            full = os.path.join(folder, name)
            about = os.lstat(full)
            line = [os.path.relpath(full, os.fsencode(path)), about.st_mode, about.st_uid, about.st_gid]
            if os.path.islink(full):
                line.append(os.readlink(full))
            elif os.path.isfile(full):
                line.append(_file_digest(os.fsdecode(full)))
            total.update(repr(line).encode())
    return total.hexdigest()
