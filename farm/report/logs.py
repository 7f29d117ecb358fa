"""The end of an attempt's log, as text that is safe to show."""

from __future__ import annotations

import os

_TAIL_BYTES = 64 << 10


def tail(run_dir: str, log_path: str, lines: int) -> str:
    """The last ``lines`` lines, at most 64 KiB, of a log in ``run_dir``; empty where there is none.

    A link is not followed and a path that leaves ``run_dir`` is not read.
    """
    path = os.path.normpath(os.path.join(run_dir, log_path))
    if not log_path or not path.startswith(os.path.normpath(run_dir) + os.sep):
        return ""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return ""
    with open(descriptor, "rb") as log:
        log.seek(max(0, os.fstat(descriptor).st_size - _TAIL_BYTES))
        text = log.read(_TAIL_BYTES).decode("utf-8", "replace")
    return "\n".join(text.replace("\r\n", "\n").rstrip("\n").split("\n")[-lines:])


def visible(text: str, keep: str = "\n\t") -> str:
    """``text`` with control, format and surrogate characters as escapes, so that no terminal or reader obeys them."""
    if text.isprintable():
        return text
    return "".join(c if c in keep or c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
