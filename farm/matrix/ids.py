"""Job ids: stable for ever, unique, printable, and safe as two components of a path.

``unit/ubuntu-14.04`` or ``unit/ubuntu-14.04[opt=O2,cc=gcc]``. Test and distro names need no escaping; in an axis value
the characters that have a meaning here, path separators and all that is not printable are written ``%XX``, by bytes.
An id longer than ``MAX_ID_BYTES`` is cut and ends in ``~`` and a digest of the whole; ``~`` in a value is escaped, so
no short id can look like a cut one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

MAX_ID_BYTES = 200
"""Leaves room for a suffix below the 255 bytes of a file's name."""

_ESCAPED = frozenset("%,]=/\\~")
_DIGEST_DIGITS = 16


def axis_part(name: str, value: str) -> str:
    """``name=value`` with the value escaped."""
    if value.isalnum():
        return f"{name}={value}"
    return f"{name}={''.join(_escaped(character) for character in value)}"


def job_id(test: str, distro: str, parts: Iterable[str]) -> str:
    """The id of a cell, from the ``axis_part`` of each of its axes in file order."""
    inner = ",".join(parts)
    whole = f"{test}/{distro}[{inner}]" if inner else f"{test}/{distro}"
    if len(whole) * 4 <= MAX_ID_BYTES or len(whole.encode()) <= MAX_ID_BYTES:
        return whole
    ending = f"~{hashlib.sha256(whole.encode()).hexdigest()[:_DIGEST_DIGITS]}]"
    kept = whole.encode()[: MAX_ID_BYTES - len(ending)].decode("utf-8", "ignore")
    return kept + ending


def _escaped(character: str) -> str:
    if character in _ESCAPED or not character.isprintable():
        return "".join(f"%{byte:02X}" for byte in character.encode())
    return character
