"""Which image an address led to the last time, so that a run asks nobody for what the store has.

::

    $FARM_HOME/references/<sha256 of the address>   {"address": ..., "digest": 64 hex digits, "tag": entity tag or "",
                                                    "modified": the server's date of the file or ""}

``farm image pull`` asks again and writes it anew; an address whose image is no longer in the store is asked again anyhow.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import secrets

from farm.image.store import Store
from farm.model.distro import Image, Source
from farm.values import dataclass


@dataclass(frozen=True, slots=True)
class Known:
    """``digest`` names the image; ``tag`` is the server's entity tag of the file, ``modified`` its Last-Modified; or empty."""

    digest: str
    tag: str = ""
    modified: str = ""


def recall(folder: str, address: str) -> Known | None:
    """What is known of ``address``; None where that is nothing, or cannot be read."""
    try:
        with open(_path(folder, address), "rb") as file:
            given = json.loads(file.read())
        digest, tag, modified = str(given["digest"]), str(given["tag"]), str(given.get("modified", ""))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return Known(digest, tag, modified) if len(digest) == 64 and digest.isalnum() else None


def remember(folder: str, address: str, known: Known) -> None:
    """Keep it, in one step for whoever reads. It saves requests and nothing else: that it cannot be kept is no error."""
    path = _path(folder, address)
    with contextlib.suppress(OSError):
        os.makedirs(folder, 0o700, exist_ok=True)
        temporary = f"{path}.{secrets.token_hex(8)}"
        with open(temporary, "x", encoding="utf-8") as file:
            kept = {"address": address, "digest": known.digest, "tag": known.tag, "modified": known.modified}
            json.dump(kept, file)
        os.rename(temporary, path)


def image_of(source: Source, store: Store) -> Image | None:
    """What the address of ``source`` led to the last time, or what its digest names, if the store has it."""
    if source.sha256 is not None:
        return store.lookup(source.sha256)
    found = recall(store.references_dir, remembered_as(source))
    return store.lookup(found.digest) if found is not None else None


def remembered_as(source: Source) -> str:
    """What is remembered of ``source`` is remembered under this: its address leads each kind of machine elsewhere."""
    return f"{source.path} for {source.arch}" if source.arch not in ("", platform.machine()) else source.path


def _path(folder: str, address: str) -> str:
    return os.path.join(folder, hashlib.sha256(address.encode("utf-8", "surrogateescape")).hexdigest())
