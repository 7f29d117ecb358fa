"""The end of an attempt's log, read at a bounded cost whatever its size, as text that is safe to show."""

from __future__ import annotations

import io
import os
import stat
from typing import BinaryIO

from farm.report import text
from farm.values import dataclass

TAIL_BYTES = 64 << 10
_LINE_CHARACTERS = 2000
_CONTINUATION = bytes(range(0x80, 0xC0))  # of a UTF-8 character that began earlier


@dataclass(frozen=True, slots=True)
class Tail:
    """The last lines of a log, without a newline at their end. ``whole`` says that nothing came before them."""

    text: str = ""
    whole: bool = True


def tail(run_dir: str, log_path: str, lines: int, most_bytes: int = TAIL_BYTES) -> Tail:
    """The last ``lines`` lines, at most ``most_bytes``, of the log ``log_path`` below ``run_dir``; empty where there is none.

    A link is not followed and a path that leaves ``run_dir`` is not read: reports are made of folders that may have come
    from elsewhere. Of a line longer than 2,000 characters the middle is left out, of one that began earlier all but its end.
    """
    raw, start = end(run_dir, log_path, most_bytes)
    found = text.body(raw.decode("utf-8", "replace")).rstrip("\n").split("\n")
    if start:
        found[0] = f"[…] {found[0]}"
    kept = [cut(each) for each in found[-lines:]]
    return Tail("\n".join(kept), whole=not start and len(found) <= lines)


def end(run_dir: str, log_path: str, most_bytes: int = TAIL_BYTES) -> tuple[bytes, int]:
    """The last ``most_bytes`` as they are, of a line that began earlier its end, and how many bytes lie before."""
    with opened(run_dir, log_path) as log:
        start = max(0, log.seek(0, os.SEEK_END) - most_bytes)
        log.seek(start)
        raw = log.read(most_bytes)
    if start:
        first, newline, rest = raw.partition(b"\n")
        raw = first[-_LINE_CHARACTERS // 2 :].lstrip(_CONTINUATION) + newline + rest
    return raw, start


def opened(run_dir: str, log_path: str) -> BinaryIO:
    """The log to read from, an empty one where there is none that may be read; the caller closes it."""
    path = os.path.normpath(os.path.join(run_dir, log_path))
    if not log_path or not path.startswith(os.path.normpath(run_dir) + os.sep):
        return io.BytesIO()
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            return open(descriptor, "rb")
        os.close(descriptor)
    except OSError:
        pass  # gone or unreadable: a report is made of what is there
    return io.BytesIO()


def cut(each: str) -> str:
    """An error may stand at either end of a line."""
    if len(each) <= _LINE_CHARACTERS:
        return each
    half = _LINE_CHARACTERS // 2
    return f"{each[:half]} [… {len(each) - 2 * half} more characters …] {each[-half:]}"
