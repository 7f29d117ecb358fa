"""Compiles the seccomp profile with libseccomp, once a set of capabilities; containers load the bytes."""

from __future__ import annotations

import errno
import platform
import tempfile

from farm.errors import FarmError
from farm.kernel import capability
from farm.launcher import profile
from farm.launcher.shortening import INSTRUCTION, JUMP_EQUAL, LOAD, RETURN, shortened

try:
    import pyseccomp
except (RuntimeError, OSError):  # its way of saying that there is no libseccomp
    pyseccomp = None

_REMEDY = "install libseccomp2 (Debian, Ubuntu, SUSE) or libseccomp (others)"

_FURTHER_ARCHITECTURES = {"x86_64": ("X86", "X32"), "aarch64": ("ARM",)}

_NUMBER_AT, _ARCHITECTURE_AT, _FIRST_ARGUMENT_AT = 0, 4, 16  # offsets in struct seccomp_data
_AUDIT_ARCH_I386 = 0x40000003
_RET_USER_NOTIF = 0x7FC00000


def compile_filter(capabilities: int) -> bytes:
    """The program for containers that keep ``capabilities``: an array of ``struct sock_filter``; raises as ``exported``."""
    program = exported(capabilities)
    try:
        return shortened(program)
    except ValueError:  # another libseccomp's, with instructions that are not known here: it holds as it is
        return program


def exported(capabilities: int) -> bytes:
    """The same as libseccomp writes it.

    It holds for every architecture the processor runs (x86-64, i386 and x32 on one machine). A name that this libseccomp
    does not know is left out, and such a call is ENOSYS. Raises ``FarmError`` where libseccomp cannot be loaded.
    """
    if pyseccomp is None:
        raise FarmError("system calls cannot be filtered", "libseccomp is not there", _REMEDY)
    built = pyseccomp.SyscallFilter(pyseccomp.ERRNO(errno.ENOSYS))
    # A binary tree: what is followed from it is no deeper than it is.
    built.set_attr(pyseccomp.Attr.CTL_OPTIMIZE, 2)
    for name in _FURTHER_ARCHITECTURES.get(platform.machine(), ()):
        built.add_arch(getattr(pyseccomp.Arch, name))
    allowed, denied = _split(capabilities)
    for name in sorted(allowed):
        _add(built, pyseccomp.ALLOW, name)
    for name in sorted(denied - allowed):
        _add(built, pyseccomp.ERRNO(errno.EPERM), name)
    _add_arguments(built, administrator="clone3" in allowed)
    with tempfile.TemporaryFile() as file:
        built.export_bpf(file)
        file.seek(0)
        program = file.read()
    return _socketcall_asked() + program if platform.machine() == "x86_64" else program


def _socketcall_asked() -> bytes:
    """Instructions to go before a program: see ``profile.SOCKETCALL_I386``. libseccomp opens it for every rule socket has."""
    return b"".join(
        INSTRUCTION.pack(*each)
        for each in (
            (LOAD, 0, 0, _ARCHITECTURE_AT),
            (JUMP_EQUAL, 0, 5, _AUDIT_ARCH_I386),
            (LOAD, 0, 0, _NUMBER_AT),
            (JUMP_EQUAL, 0, 3, profile.SOCKETCALL_I386),
            (LOAD, 0, 0, _FIRST_ARGUMENT_AT),
            (JUMP_EQUAL, 0, 1, profile.SOCKETCALL_SOCKET),
            (RETURN, 0, 0, _RET_USER_NOTIF),
        )
    )


def _split(capabilities: int) -> tuple[set[str], set[str]]:
    allowed, denied = set(profile.ALLOWED), set(profile.DENIED)
    for name, calls in profile.WITH_CAPABILITY.items():
        (allowed if capabilities & capability.mask((name,)) else denied).update(calls)
    return allowed, denied - set(profile.UNKNOWN)


def _add_arguments(built: pyseccomp.SyscallFilter, *, administrator: bool) -> None:
    allow, deny = pyseccomp.ALLOW, pyseccomp.ERRNO(errno.EPERM)
    first_closed = min(profile.CLOSED_FAMILIES)
    _add(built, allow, "socket", pyseccomp.Arg(0, pyseccomp.LT, first_closed))
    for family in range(first_closed, profile.LAST_FAMILY + 1):
        action = deny if family in profile.CLOSED_FAMILIES else allow
        _add(built, action, "socket", pyseccomp.Arg(0, pyseccomp.EQ, family))
    _add(built, deny, "socket", pyseccomp.Arg(0, pyseccomp.GT, profile.LAST_FAMILY))
    for persona in profile.PERSONALITIES:
        _add(built, allow, "personality", pyseccomp.Arg(0, pyseccomp.EQ, persona))
    if administrator:
        _add(built, allow, "clone")
        return
    _add(built, allow, "clone", pyseccomp.Arg(0, pyseccomp.MASKED_EQ, sum(profile.CLONE_NAMESPACES), 0))
    for flag in profile.CLONE_NAMESPACES:
        _add(built, deny, "clone", pyseccomp.Arg(0, pyseccomp.MASKED_EQ, flag, flag))


def _add(built: pyseccomp.SyscallFilter, action: int, name: str, *arguments: pyseccomp.Arg) -> None:
    try:
        number = pyseccomp.resolve_syscall(pyseccomp.Arch.NATIVE, name)
    except (ValueError, OSError):
        return  # newer than this libseccomp
    if number == -1:
        return
    built.add_rule(action, number, *arguments)
