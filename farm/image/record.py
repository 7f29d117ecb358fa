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
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass

from farm.errors import ImageError
from farm.model.distro import Facts, Image, Overlay

_VERSION = 1


@dataclass(frozen=True, slots=True)
class Details:
    """What is kept about an import besides the image itself."""

    imported_at: float
    members: int = 0
    dropped: tuple[tuple[str, int], ...] = ()
    confined: str = ""


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
    }
    return json.dumps(document, indent=1).encode() + b"\n"


def decode(text: bytes, folder: str) -> Image:
    """The image in ``folder`` that ``text`` describes. ``ImageError`` where it is damaged or of another version."""
    try:
        document = json.loads(text)
        if document["version"] != _VERSION:
            raise ValueError(f"version {document['version']}")
        return Image(
            digest=str(document["digest"]),
            source=str(document["source"]),
            overlays=tuple(
                Overlay(str(each["target"]), tuple(os.path.join(folder, lower) for lower in each["lowers"]))
                for each in document["overlays"]
            ),
            facts=Facts(**document["facts"]),
            size_bytes=int(document["size_bytes"]),
        )
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ImageError(
            "the store's record of an image cannot be read",
            f"{folder}/image.json: {error}",
            f"remove the folder {folder}; the image is imported again when it is needed",
        ) from error


def _relative(path: str, folder: str) -> str:
    return path[len(folder) + 1 :] if path.startswith(folder + "/") else path
