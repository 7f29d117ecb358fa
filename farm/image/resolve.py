"""From a distro's source to an image in the store."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import TypeAlias

from farm.errors import ImageError
from farm.image import host
from farm.image.facts import read_facts
from farm.image.store import Store
from farm.kernel.userns import IdMap
from farm.model.distro import Image, Overlay, Source, SourceKind

_UNPACK_LIMIT_S = 1800
_CHUNK_BYTES = 1 << 22
_LOOK_S = 0.05

Stopped: TypeAlias = Callable[[], bool]


def resolve(source: Source, store: Store, id_map: IdMap | None, stopped: Stopped = lambda: False) -> Image:
    """The image of ``source``, from the store or imported into it. Raises ``ImageError`` naming what is wrong with it.

    ``stopped`` is asked again and again, on this thread: as soon as it says so, the import is given up with ``ImageError``.
    """
    try:
        if source.kind is SourceKind.HOST:
            return host.resolve(store)
        digest = (_tree_digest if source.kind is SourceKind.DIRECTORY else _file_digest)(source.path, stopped)
        if source.sha256 is not None and source.sha256 != digest:
            raise ImageError(
                f"{source.path} has the wrong digest",
                f"wanted sha256 {source.sha256}, found {digest}",
                "fetch it again",
            )
        return store.lookup(digest) or _import(source, digest, store, id_map, stopped)
    except OSError as error:
        raise ImageError(
            f"cannot import {source.path}", str(error), "look at the path and the space that is left"
        ) from error


def _import(source: Source, digest: str, store: Store, id_map: IdMap | None, stopped: Stopped) -> Image:
    with store.importing(digest) as staged:
        found = store.lookup(digest)  # by another process, while this one waited
        if found is not None:
            return found
        root = os.path.join(staged, "rootfs")
        os.mkdir(root, 0o755)
        if source.kind is SourceKind.DIRECTORY:
            _, errors, code = _run(["cp", "-a", "--", f"{source.path}/.", root], stopped)
            if code:
                raise ImageError(f"cannot copy {source.path}", errors.strip().rpartition("\n")[2] or f"cp: exit {code}")
            size = 0
        else:
            size = _unpack(source.path, root, id_map, stopped)
        final = os.path.join(store.rootfs_dir, digest, "rootfs")
        return store.commit(staged, Image(digest, source.path, (Overlay("/", (final,)),), read_facts(root), size))


def _unpack(archive: str, root: str, id_map: IdMap | None, stopped: Stopped) -> int:
    """Run the worker; bytes unpacked. Raises ``ImageError`` with what it says."""
    code = "import sys; sys.path[:] = sys.argv[4:]; from farm.image.worker import main; main(*sys.argv[1:4])"
    base = str(id_map.base) if id_map is not None else ""
    command = [sys.executable, "-I", "-B", "-c", code, archive, root, base, *sys.path]
    said, errors, status = _run(command, stopped)
    try:
        result = json.loads(said)
    except ValueError:
        result = {"error": errors.strip().rpartition("\n")[2] or f"exit {status}"}
    if "error" in result:
        raise ImageError(
            f"cannot unpack {archive}", str(result["error"]), "is it a whole tar archive of a root filesystem?"
        )
    return int(result["bytes"])


def _run(command: list[str], stopped: Stopped) -> tuple[str, str, int]:
    """Standard output, standard error and exit code; killed and ``ImageError`` when ``stopped`` or out of time."""
    deadline_s = time.monotonic() + _UNPACK_LIMIT_S
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, encoding="utf-8", errors="replace"
    ) as process:
        while True:
            try:
                said, errors = process.communicate(timeout=_LOOK_S)
                return said, errors, process.returncode
            except subprocess.TimeoutExpired:
                if stopped() or time.monotonic() > deadline_s:
                    process.kill()
                    raise ImageError("the import was given up", f"after {_UNPACK_LIMIT_S} s or a signal") from None


def _file_digest(path: str, stopped: Stopped) -> str:
    total = hashlib.sha256()
    with open(path, "rb", buffering=0) as file:
        while data := file.read(_CHUNK_BYTES):
            if stopped():
                raise ImageError("the import was given up", path)
            total.update(data)
    return total.hexdigest()


def _tree_digest(path: str, stopped: Stopped) -> str:
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
                line.append(_file_digest(os.fsdecode(full), stopped))
            total.update(repr(line).encode())
    return total.hexdigest()
