"""Names of files, folders and hosts made from names people chose."""

from __future__ import annotations

import functools
import hashlib
import re

_KEPT = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-+=,[]")
_PLAIN = _KEPT | {"/"}
_IN_NO_HOST_NAME = re.compile(r"[^A-Za-z0-9]")
_LONGEST_BYTES = 200


def safe_name(job_id: str) -> str:
    """``job_id`` as one path component: ``unit/alpine[opt=O2]`` becomes ``unit@alpine[opt=O2]``.

    Different ids give different names. Printable ASCII without ``/``, at most 200 bytes, never ``.`` or ``..``, never
    hidden: other characters are percent-encoded as UTF-8 (lone surrogates too), long names end in a digest of the id.
    """
    # Nearly every id is plain, and this is asked several times of each job.
    plain = _PLAIN.issuperset(job_id)
    encoded = job_id.replace("/", "@") if plain else "".join(_encoded(letter) for letter in job_id)
    if not encoded or encoded.startswith("."):
        encoded = "%2E" + encoded[1:] if encoded else "%"
    if len(encoded) <= _LONGEST_BYTES:
        return encoded
    digest = hashlib.sha256(job_id.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return f"{encoded[: _LONGEST_BYTES - len(digest) - 1]}~{digest}"


@functools.lru_cache(maxsize=64)
def host_name(text: str) -> str:
    """``text`` as a host name (RFC 1123, at most 63 characters); ``farm`` where nothing of it can be in one."""
    return _IN_NO_HOST_NAME.sub("-", text)[:63].strip("-").lower() or "farm"


def _encoded(letter: str) -> str:
    if letter in _KEPT:
        return letter
    if letter == "/":
        return "@"
    return "".join(f"%{byte:02X}" for byte in letter.encode("utf-8", "surrogatepass"))
