"""The farm's exceptions: one for its user, one for its kernel.

``FarmError`` is what a person did or has to mend; the command line turns it into a message and an exit code.
``KernelError`` is a system call that failed; where it ends an attempt, the attempt's outcome is ``error``.
"""

from __future__ import annotations

import errno as _errno
import os


class FarmError(Exception):
    """Something the user can mend, in three parts.

    ``brief`` says what is wrong, ``detail`` where and with which values, ``remedy`` what to do.
    All are lower case and end without a full stop; ``detail`` and ``remedy`` may be empty.
    """

    def __init__(self, brief: str, detail: str = "", remedy: str = "") -> None:
        super().__init__(brief)
        self.brief = brief
        self.detail = detail
        self.remedy = remedy

    def __str__(self) -> str:
        return "\n".join(part for part in (self.brief, self.detail, self.remedy) if part)


class UsageError(FarmError):
    """A wrong command line, a wrong matrix file or a host that lacks what was asked for: exit code 4."""


class ImageError(FarmError):
    """An image that could not be had: missing, damaged, refused. The jobs that need it end as ``error``."""


class DiskError(ImageError):
    """An image that could not be had for a fault of this host: its disk is full, or fails. No other source would help."""


class GivenUpError(ImageError):
    """Nobody needs the image any more: the run that wanted it is ending. ``what`` it was about to do, or with what."""

    def __init__(self, what: str) -> None:
        super().__init__("the import was given up", what)


class KernelError(OSError):
    """A system call that failed, with what it was called with.

    ``call`` is the kernel's own name, ``arguments`` the values worth reading, ``hint`` what usually causes it.
    ``errno`` and ``strerror`` are those of ``OSError``; branch on ``errno``, never on the text.
    """

    def __init__(self, call: str, number: int, arguments: tuple[object, ...] = (), hint: str = "") -> None:
        super().__init__(number, os.strerror(number))
        self.call = call
        self.arguments = arguments
        self.hint = hint

    def __str__(self) -> str:
        shown = ", ".join(_shown(argument) for argument in self.arguments)
        name = _errno.errorcode.get(self.errno or 0, str(self.errno))
        text = f"{self.call}({shown}): {name} ({self.strerror})"
        return f"{text}; {self.hint}" if self.hint else text


def _shown(argument: object) -> str:
    if isinstance(argument, bytes):
        return os.fsdecode(argument)
    return str(argument)
