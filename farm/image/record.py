"""``image.json``: what the store knows of an image. One JSON object::

version     1
digest      64 hex digits
source      where it came from, for people
size_bytes  what its files hold
imported_at seconds since the epoch
facts       the fields of farm.model.distro.Facts
overlays    [{target, lowers}]; a lower without a leading / is relative to the image's own folder
members     how many files were unpacked
dropped     what was left out, by kind: {"device": 12}
confined    "user namespace" or "root": as what the unpacker ran
tree        the tree digest, see ``listing``; images imported before there were any have none, and no disk_bytes
disk_bytes  what it takes of the disk
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from typing import Any  # what JSON holds

from farm.errors import ImageError
from farm.model.distro import Facts, Image, Overlay
from farm.values import dataclass

_VERSION = 1


@dataclass(frozen=True, slots=True)
class Details:
    """What is kept about an import besides the image itself."""

    imported_at: float
    members: int = 0
    dropped: tuple[tuple[str, int], ...] = ()
    confined: str = ""
    tree: str = ""
    disk_bytes: int = 0


def encode(image: Image, details: Details, folder: str) -> bytes:
    """The file's bytes; lowers of ``image`` below ``folder`` are written relative to it."""
    document = {
        "version": _VERSION,
        "digest": image.digest,
        "source": image.source,
        "size_bytes": image.size_bytes,
        "imported_at": details.imported_at,
        "facts": asdict(image.facts),
        "overlays": [
            {"target": overlay.target, "lowers": [_relative(lower, folder) for lower in overlay.lowers]}
            for overlay in image.overlays
        ],
        "members": details.members,
        "dropped": dict(details.dropped),
        "confined": details.confined,
        "tree": details.tree,
        "disk_bytes": details.disk_bytes,
    }
    return json.dumps(document, indent=1).encode() + b"\n"


def decode(text: bytes, folder: str) -> tuple[Image, Details]:
    """The image in ``folder`` that ``text`` describes. ``ImageError`` where it is damaged or of another version."""
    try:
        document = json.loads(text)
        if document["version"] != _VERSION:
            raise ValueError(f"version {document['version']}")
        image = Image(
            digest=str(document["digest"]),
            source=str(document["source"]),
            overlays=tuple(
                Overlay(str(each["target"]), tuple(os.path.join(folder, lower) for lower in each["lowers"]))
                for each in document["overlays"]
            ),
            facts=Facts(**document["facts"]),
            size_bytes=int(document["size_bytes"]),
        )
        return image, _details(document)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ImageError(
            "the store's record of an image cannot be read",
            f"{folder}/image.json: {error}",
            f"remove the folder {folder}; the image is imported again when it is needed",
        ) from error


def _details(document: dict[str, Any]) -> Details:
    return Details(
        imported_at=float(document["imported_at"]),
        members=int(document["members"]),
        dropped=tuple(sorted((str(kind), int(count)) for kind, count in document["dropped"].items())),
        confined=str(document["confined"]),
        tree=str(document.get("tree", "")),
        disk_bytes=int(document.get("disk_bytes", 0)),
    )


def _relative(path: str, folder: str) -> str:
    return path[len(folder) + 1 :] if path.startswith(folder + "/") else path
