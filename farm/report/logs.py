"""The end of an attempt's log, read at a bounded cost whatever its size, as text that is safe to show."""

from __future__ import annotations

import os
from dataclasses import dataclass

from farm.report import text

_TAIL_BYTES = 64 << 10
_LINE_CHARACTERS = 2000
_CONTINUATION = bytes(range(0x80, 0xC0))  # of a UTF-8 character that began earlier


@dataclass(frozen=True, slots=True)
class Tail:
    """The last lines of a log, without a newline at their end. ``whole`` says that nothing came before them."""

    text: str = ""
    whole: bool = True


def tail(run_dir: str, log_path: str, lines: int, most_bytes: int = _TAIL_BYTES) -> Tail:
    """The last ``lines`` lines, at most ``most_bytes``, of the log ``log_path`` below ``run_dir``; empty where there is none.

    A link is not followed and a path that leaves ``run_dir`` is not read: reports are made of folders that may have come
    from elsewhere. Of a line longer than 2,000 characters the middle is left out, of one that began earlier all but its end.
    """
    path = os.path.normpath(os.path.join(run_dir, log_path))
    if not log_path or not path.startswith(os.path.normpath(run_dir) + os.sep):
        return Tail()
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(descriptor, "rb") as log:
            start = max(0, os.fstat(descriptor).st_size - most_bytes)
            log.seek(start)
            raw = log.read(most_bytes)
    except OSError:
        return Tail()  # gone or unreadable: a report is made of what is there
    if start:
        cut, newline, rest = raw.partition(b"\n")
        raw = cut[-_LINE_CHARACTERS // 2 :].lstrip(_CONTINUATION) + newline + rest
    found = text.body(raw.decode("utf-8", "replace")).rstrip("\n").split("\n")
    if start:
        found[0] = f"[…] {found[0]}"
    kept = [_cut(each) for each in found[-lines:]]
    return Tail("\n".join(kept), whole=not start and len(found) <= lines)


def _cut(each: str) -> str:
    """An error may stand at either end of a line."""
    if len(each) <= _LINE_CHARACTERS:
        return each
    half = _LINE_CHARACTERS // 2
    return f"{each[:half]} [… {len(each) - 2 * half} more characters …] {each[-half:]}"
