"""The parts of a log that lie in the page: its end, and where it first tells of an error if that came before."""

from __future__ import annotations

from collections.abc import Callable

from farm.report import logs, text
from farm.report.telling import first_error, tells
from farm.values import dataclass

_SEARCHED_BYTES = 4 << 20  # of the longest log whose lines are counted; longer ones are numbered from their end
_AROUND = 3


@dataclass(frozen=True, slots=True)
class Piece:
    """Lines that follow one another, colours kept; ``first`` is the number of the first, -1 for the last of the log."""

    first: int
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Excerpt:
    """What the page shows of a log; ``error`` is the number of the line that tells of an error first, 0 for none.

    ``whole`` says that nothing was left out.
    """

    pieces: tuple[Piece, ...] = ()
    error: int = 0
    whole: bool = True


def excerpt(run_dir: str, log_path: str, lines: int, speaks: Callable[[str], bool] = tells) -> Excerpt:
    """The last ``lines`` lines of the log, at most 64 KiB, and some around the first that ``speaks`` of an error.

    Empty where there is no log.
    """
    raw, start = logs.end(run_dir, log_path)
    found = text.painted(raw.decode("utf-8", "replace")).rstrip("\n").split("\n")
    if found == [""]:
        return Excerpt()
    kept = tuple(logs.cut(each) for each in found[-lines:])
    if start >= _SEARCHED_BYTES:
        error = next((number for number, each in enumerate(kept) if speaks(each)), None)
        first = -len(kept)
        return Excerpt((Piece(first, kept),), first + error if error is not None else 0, whole=False)
    before = _read(run_dir, log_path) if start else raw
    first = len(before.rstrip(b"\r\n").split(b"\n")) - len(kept) + 1 if start else len(found) - len(kept) + 1
    at = first_error(before, speaks)
    pieces = (Piece(first, kept),)
    if at is None:
        return Excerpt(pieces, whole=first == 1)
    if at + 1 >= first:
        return Excerpt(pieces, at + 1, whole=first == 1)
    begin = max(0, at - _AROUND)
    around = before.split(b"\n")[begin : min(at + _AROUND + 1, first - 1)]
    shown = tuple(logs.cut(text.painted(each.decode("utf-8", "replace"))) for each in around)
    return Excerpt((Piece(begin + 1, shown), *pieces), at + 1, whole=first == begin + len(shown) + 1 and begin == 0)


def _read(run_dir: str, log_path: str) -> bytes:
    with logs.opened(run_dir, log_path) as log:
        return log.read(_SEARCHED_BYTES)
