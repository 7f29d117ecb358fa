"""The end of an attempt's log, read at a bounded cost whatever its size, as text that is safe to show."""

from __future__ import annotations

import os
from dataclasses import dataclass

from farm.report import text

_TAIL_BYTES = 64 << 10
_LINE_CHARACTERS = 2000


@dataclass(frozen=True, slots=True)
class Tail:
    """The last lines of a log, without a newline at their end. ``whole`` says that nothing came before them."""

    text: str = ""
    whole: bool = True


def tail(run_dir: str, log_path: str, lines: int) -> Tail:
    """The last ``lines`` lines, at most 64 KiB, of the log at ``log_path`` below ``run_dir``; empty where there is none.

    A link is not followed and a path that leaves ``run_dir`` is not read: reports are made of folders that may have come
    from elsewhere. A line longer than 2,000 characters is cut.
    """
    path = os.path.normpath(os.path.join(run_dir, log_path))
    if not log_path or not path.startswith(os.path.normpath(run_dir) + os.sep):
        return Tail()
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(descriptor, "rb") as log:
            start = max(0, os.fstat(descriptor).st_size - _TAIL_BYTES)
            log.seek(start)
            raw = log.read(_TAIL_BYTES)
    except OSError:
        return Tail()  # gone or unreadable: a report is made of what is there
    if start and b"\n" in raw[:-1]:
        raw = raw[raw.index(b"\n") + 1 :]  # not half a line, nor half a character
    found = text.body(raw.decode("utf-8", "replace")).rstrip("\n").split("\n")
    kept = [_cut(each) for each in found[-lines:]]
    return Tail("\n".join(kept), whole=not start and len(found) <= lines)


def _cut(each: str) -> str:
    if len(each) <= _LINE_CHARACTERS:
        return each
    return f"{each[:_LINE_CHARACTERS]} [… {len(each) - _LINE_CHARACTERS} more characters]"
