"""The C library, and how its failures become ``KernelError``.

``PyDLL`` rather than ``CDLL``: it keeps the interpreter's lock across the call. The child of a raw ``clone3`` is a copy of
the calling thread only, so it must come back owning that lock or nobody ever will.
"""

from __future__ import annotations

import ctypes
import os

from farm.errors import KernelError

AT_FDCWD = -100
AT_EMPTY_PATH = 0x1000
AT_RECURSIVE = 0x8000
AT_SYMLINK_NOFOLLOW = 0x100

_libc = ctypes.PyDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long

words = _libc["syscall"]
"""syscall(2) of a number and six arguments, all of them words: -1 on failure, with the reason in ``last_errno``."""
words.argtypes = [ctypes.c_long] * 7
words.restype = ctypes.c_long

Path = str | bytes


def function(name: str, *argtypes: object) -> ctypes._NamedFuncPointer:
    """The C library's ``name`` with its argument types set once."""
    found: ctypes._NamedFuncPointer = getattr(_libc, name)
    found.argtypes = list(argtypes)  # type: ignore[arg-type]  # typeshed wants ctypes' private base type
    found.restype = ctypes.c_int
    return found


def syscall(number: int, *arguments: object) -> int:
    """``syscall(2)``: -1 on failure, with the reason in ``last_errno``. Integers must come wrapped in a ctypes type."""
    result: int = _libc.syscall(ctypes.c_long(number), *arguments)
    return result


def last_errno() -> int:
    """errno of the last call in this thread."""
    return ctypes.get_errno()


def failed(call: str, *arguments: object, hint: str = "") -> KernelError:
    """The error of the call that has just returned -1."""
    return KernelError(call, ctypes.get_errno(), arguments, hint)


def encoded(path: Path) -> bytes:
    """``path`` as the kernel takes it."""
    return path if isinstance(path, bytes) else os.fsencode(path)
