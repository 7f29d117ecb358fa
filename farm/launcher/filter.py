"""Compiles the seccomp profile with libseccomp, once a set of capabilities; containers load the bytes."""

from __future__ import annotations

import errno
import platform
import tempfile

import pyseccomp

from farm.kernel import capability
from farm.launcher import profile

_FURTHER_ARCHITECTURES = {"x86_64": ("X86", "X32"), "aarch64": ("ARM",)}


def compile_filter(capabilities: int) -> bytes:
    """The program for containers that keep ``capabilities``: an array of ``struct sock_filter``.

    It holds for every architecture the processor runs (x86-64, i386 and x32 on one machine). A name that this libseccomp
    does not know is left out, and such a call is ENOSYS. Raises ``OSError`` where libseccomp cannot be loaded.
    """
    built = pyseccomp.SyscallFilter(pyseccomp.ERRNO(errno.ENOSYS))
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
        return file.read()


def _split(capabilities: int) -> tuple[set[str], set[str]]:
    allowed, denied = set(profile.ALLOWED), set(profile.DENIED)
    for name, calls in profile.WITH_CAPABILITY.items():
        (allowed if capabilities & capability.mask((name,)) else denied).update(calls)
    return allowed, denied - set(profile.UNKNOWN)


def _add_arguments(built: pyseccomp.SyscallFilter, *, administrator: bool) -> None:
    allow, deny = pyseccomp.ALLOW, pyseccomp.ERRNO(errno.EPERM)
    low, high = min(profile.CLOSED_FAMILIES), max(profile.CLOSED_FAMILIES)
    _add(built, allow, "socket", pyseccomp.Arg(0, pyseccomp.LT, low))
    _add(built, allow, "socket", pyseccomp.Arg(0, pyseccomp.GT, high))
    for family in range(low + 1, high):
        _add(built, allow, "socket", pyseccomp.Arg(0, pyseccomp.EQ, family))
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
