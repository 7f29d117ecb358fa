"""Archives that a test makes itself, and a store to import them into."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Iterable
from pathlib import Path

from farm.image.limits import UnpackLimits
from farm.image.resolve import resolve
from farm.image.store import Store
from farm.kernel.userns import IdMap
from farm.model.distro import Image, Source, SourceKind

Member = tuple[tarfile.TarInfo, bytes]


def entry(name: str, data: bytes = b"", **fields: object) -> Member:
    """A member of an archive: a file of ``data`` unless ``fields`` say otherwise."""
    info = tarfile.TarInfo(name)
    info.mode = 0o644
    info.size = len(data)
    for key, value in fields.items():
        setattr(info, key, value)
    return info, data


def folder(name: str, **fields: object) -> Member:
    return entry(name, type=tarfile.DIRTYPE, **{"mode": 0o755, **fields})


def symlink(name: str, target: str) -> Member:
    return entry(name, type=tarfile.SYMTYPE, linkname=target)


def hard_link(name: str, target: str) -> Member:
    return entry(name, type=tarfile.LNKTYPE, linkname=target)


def packed(members: Iterable[Member], form: int = tarfile.PAX_FORMAT) -> bytes:
    """The bytes of an archive of ``members``."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form, errors="surrogateescape") as archive:
        for info, data in members:
            archive.addfile(info, io.BytesIO(data) if data else None)
    return buffer.getvalue()


class Images:
    """A store in a scratch folder. Beside it lies ``canary``, which no archive may reach."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = Store(str(folder / "home"))
        self.canary = folder / "canary"
        self.canary.write_text("untouched")
        self.id_map = IdMap(0x70000000)

    def write(self, data: bytes, name: str = "image.tar") -> Path:
        path = self.folder / name
        path.write_bytes(data)
        return path

    def take(self, path: Path, sha256: str | None = None, limits: UnpackLimits | None = None) -> Image:
        """Import the file or directory at ``path``."""
        kind = SourceKind.DIRECTORY if path.is_dir() else SourceKind.TARBALL
        return resolve(Source(kind, str(path), sha256), self.store, self.id_map, limits=limits or UnpackLimits())

    def root(self, *members: Member, form: int = tarfile.PAX_FORMAT) -> Path:
        """Import an archive of ``members``; where it lies."""
        return Path(self.take(self.write(packed(members, form))).overlays[0].lowers[0])

    def left(self) -> list[str]:
        """What there is of images and of unfinished ones."""
        return [
            name
            for below in ("store", "staging")
            if (self.folder / "home" / below).is_dir()
            for name in os.listdir(self.folder / "home" / below)
        ]
