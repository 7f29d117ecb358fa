"""What is wrong with rendered texts that stand for something else than text: users, folders, host names. Pure."""

from __future__ import annotations

import re

_USER = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}|[0-9]{1,10}(:[0-9]{1,10})?")
_HOSTNAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,61}[A-Za-z0-9])?")
_LARGEST_ID = 65535


def wrong_user(text: str) -> tuple[str, str] | None:
    """Message and remedy."""
    if not _USER.fullmatch(text):
        return f"{text!r} is not a user", "write a name that the image knows, or uid or uid:gid"
    if text[0].isdigit() and any(int(part) > _LARGEST_ID for part in text.split(":")):
        return f"{text!r} is beyond the ids of a container", f"they go up to {_LARGEST_ID}"
    return None


def wrong_hostname(text: str) -> tuple[str, str] | None:
    """Message and remedy."""
    if not _HOSTNAME.fullmatch(text):
        return f"{text!r} is not a host name", "use letters, digits, '-' and '.', at most 63"
    return None


def wrong_directory(text: str) -> tuple[str, str] | None:
    """Message and remedy."""
    if not text.startswith("/"):
        return f"a working directory is an absolute path in the container, not {text!r}", "write it like /src"
    return None
