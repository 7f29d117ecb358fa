"""A YAML file's text: read with a bound, UTF-8 only, and able to show any of its lines."""

from __future__ import annotations

import re

from farm.matrix.problems import MatrixError, Problem
from farm.values import dataclass

MAX_FILE_BYTES = 1 << 20
_LINE_BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")  # those of YAML 1.1, so that its marks agree


@dataclass(frozen=True, slots=True)
class Place:
    """A position in a file, counted from 1."""

    line: int
    column: int


START = Place(1, 1)


@dataclass(frozen=True, slots=True)
class SourceText:
    """The text of ``file`` (the path as the user gave it), whole and by line."""

    file: str
    text: str
    lines: tuple[str, ...]

    def problem(self, place: Place | None, message: str, remedy: str = "") -> Problem:
        """The problem at ``place`` with its line; None means the file as a whole."""
        if place is None:
            return Problem(self.file, 0, 0, message, remedy)
        line = self.lines[place.line - 1] if 0 < place.line <= len(self.lines) else ""
        return Problem(self.file, place.line, place.column, message, remedy, line)

    def where(self, place: Place) -> str:
        """``file:line:column``, for messages about what was defined there."""
        return f"{self.file}:{place.line}:{place.column}"


def read_source(path: str) -> SourceText:
    """The text of the file at ``path``.

    Raises ``MatrixError`` where it cannot be read, is larger than ``MAX_FILE_BYTES`` or is not UTF-8. It is never read
    further than that bound, whatever kind of file it is.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        raise _unreadable(path, "no such file", "give the path of a matrix file, or run farm beside it") from None
    except IsADirectoryError:
        raise _unreadable(path, "this is a directory", "give the path of a file in it") from None
    except OSError as error:
        raise _unreadable(path, f"cannot be read: {error.strerror}", "") from None
    except ValueError:
        raise _unreadable(path, "this path has a NUL character in it", "") from None
    if len(data) > MAX_FILE_BYTES:
        raise _unreadable(path, "larger than 1 MiB", "split it, or use axes instead of repeated jobs")
    return decode(path, data)


def decode(path: str, data: bytes) -> SourceText:
    """The text of ``data``, which ``path`` held. Raises ``MatrixError`` where it is not UTF-8."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8", "replace")
        line, column = before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
        message = f"not UTF-8: byte 0x{data[error.start]:02x} at offset {error.start}"
        raise MatrixError((Problem(path, line, column, message, "save the file as UTF-8"),)) from None
    return SourceText(path, text, tuple(_LINE_BREAK.split(text)))


def _unreadable(path: str, message: str, remedy: str) -> MatrixError:
    return MatrixError((Problem(path, 0, 0, message, remedy),))
