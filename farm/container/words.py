"""A program as the child of the zygote takes it: system calls in machine words, and by name what takes more than that.

The child runs on a copy of an interpreter's memory, where every object that it looks at costs a page. So its system calls
come ready to be made: seven words each, the number and six arguments, which one loop in C hands to syscall(2). What words
point to lies in the same message, and messages come to lie in a buffer of the zygote whose address is known: whoever asks
for the container knows where everything will be. What has to look before it acts is a method of ``setup.Setup``.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from functools import cache

from farm.container.setup import METHODS
from farm.errors import FarmError, KernelError
from farm.kernel import mount, process
from farm.values import dataclass

try:
    import pyseccomp
except (RuntimeError, OSError):  # its way of saying that there is no libseccomp
    pyseccomp = None

Argument = int | str | bytes | None
Call = tuple[str, str, tuple[Argument, ...]]
Program = tuple[Call, ...]

_ALIKE = {"close_range": process.NR_close_range, "mount_setattr": mount.NR_mount_setattr}
"""Numbers that are the same on every machine; libseccomp may be older than these calls."""
_WORDS = 7
_FSTYPE = 2  # which argument of mount(2) that is


@dataclass(frozen=True, slots=True)
class Piece:
    """Some calls of a program, in words.

    Of ``words`` those at ``pointers`` are offsets in ``data``. ``parts`` is the order of things: how many system calls
    follow on each other, and between them the methods.
    """

    calls: Program
    words: bytes
    pointers: tuple[int, ...]
    data: bytes
    parts: tuple[int | Call, ...]


def piece(calls: Program) -> Piece:
    """``calls`` in words. A number stands for itself, bytes for the address of them with a NUL after, None for NULL."""
    words, pointers, data = array("l"), [], bytearray()
    parts: list[int | Call] = []
    for call in calls:
        _, name, arguments = call
        if name in METHODS:
            parts.append(call)
            continue
        last = parts[-1] if parts else None
        if isinstance(last, int):
            parts[-1] = last + 1
        else:
            parts.append(1)
        end = len(words) + _WORDS
        words.append(_number(name))
        for argument in arguments:
            assert not isinstance(argument, str), name
            if isinstance(argument, bytes):
                pointers.append(len(words))
                words.append(len(data))
                data += argument + b"\0"
            else:
                words.append(argument or 0)
        words.extend([0] * (end - len(words)))
    return Piece(calls, words.tobytes(), tuple(pointers), bytes(data), tuple(parts))


def joined(pieces: Iterable[Piece], address: int) -> tuple[bytes, bytes, tuple[int | Call, ...]]:
    """The data of ``pieces``, which is going to be at ``address``, their words for that, and their parts."""
    data, words = [], []
    parts: list[int | Call] = []
    for each in pieces:
        placed = array("l", each.words)
        for at in each.pointers:
            placed[at] += address
        address += len(each.data)
        data.append(each.data)
        words.append(placed.tobytes())
        parts += each.parts
    return b"".join(data), b"".join(words), tuple(parts)


def failed(pieces: Iterable[Piece], position: int, number: int) -> tuple[str, KernelError]:
    """The step and the error where system call ``position`` failed with errno ``number``; IndexError where there is none."""
    calls = [call for each in pieces for call in each.calls if call[1] not in METHODS]
    if position < 0:
        raise IndexError(position)
    step, name, arguments = calls[position]
    shown = tuple(each for each in arguments if not isinstance(each, bytes) or (each.isascii() and b"\0" not in each))
    hint = mount.hint(_fstype(arguments), number) if name == "mount" else ""
    return step, KernelError(name, number, shown, hint)


def _fstype(arguments: tuple[Argument, ...]) -> str:
    fstype = arguments[_FSTYPE]
    return fstype.decode() if isinstance(fstype, bytes) else ""


@cache
def _number(name: str) -> int:
    """The number that system call ``name`` has on this machine. Raises ``FarmError``."""
    if name in _ALIKE:
        return _ALIKE[name]
    if pyseccomp is None:
        raise FarmError("system calls have no numbers", "libseccomp is not there", "install libseccomp2 or libseccomp")
    number: int = pyseccomp.resolve_syscall(pyseccomp.Arch.NATIVE, name)
    if number < 0:
        raise FarmError(
            "a system call has no number", f"this machine has no {name}, or this libseccomp does not know it"
        )
    return number
