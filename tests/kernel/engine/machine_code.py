"""Programs of some 150 bytes that make one system call and exit with its errno, 0 where it succeeded.

They need no C library and no compiler, so that any image can make any call through any of the processor's three tables.
"""

from __future__ import annotations

import struct

X32_BIT = 0x40000000
_ENTRY64, _ENTRY32 = 0x400078, 0x8048054


def x86_64(number: int, *arguments: int) -> bytes:
    """An ELF64 program that makes call ``number`` with up to three arguments; x32 where ``X32_BIT`` is in it."""
    first, second, third = (*arguments, 0, 0, 0)[:3]
    code = (
        b"\xb8" + _u32(number)  # mov eax, number
        + b"\xbf" + _u32(first)  # mov edi, first
        + b"\xbe" + _u32(second)  # mov esi, second
        + b"\xba" + _u32(third)  # mov edx, third
        + b"\x45\x31\xd2\x45\x31\xc0\x0f\x05"  # xor r10d, r10d; xor r8d, r8d; syscall
        + b"\xf7\xd8\x79\x02\x31\xc0"  # neg eax; jns over; xor eax, eax
        + b"\x89\xc7\xb8\x3c\0\0\0\x0f\x05"  # over: mov edi, eax; mov eax, exit; syscall
    )  # fmt: skip
    size = 120 + len(code)
    header = (
        b"\x7fELF\2\1\1" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, _ENTRY64, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    )
    return header + struct.pack("<IIQQQQQQ", 1, 5, 0, 0x400000, 0x400000, size, size, 4096) + code


def i386(number: int, *arguments: int, memory: tuple[int, ...] = ()) -> bytes:
    """An ELF32 program; where there is ``memory``, the second argument is the address of these words."""
    first, second, third = (*arguments, 0, 0, 0)[:3]
    length = 41
    if memory:
        second = _ENTRY32 + length
    code = (
        b"\xb8" + _u32(number)  # mov eax, number
        + b"\xbb" + _u32(first)  # mov ebx, first
        + b"\xb9" + _u32(second)  # mov ecx, second
        + b"\xba" + _u32(third)  # mov edx, third
        + b"\x31\xf6\x31\xff\xcd\x80"  # xor esi, esi; xor edi, edi; int 0x80
        + b"\xf7\xd8\x79\x02\x31\xc0"  # neg eax; jns over; xor eax, eax
        + b"\x89\xc3\xb8\x01\0\0\0\xcd\x80"  # over: mov ebx, eax; mov eax, exit; int 0x80
    )  # fmt: skip
    assert len(code) == length
    code += b"".join(_u32(word) for word in memory)
    size = 84 + len(code)
    header = (
        b"\x7fELF\1\1\1" + bytes(9) + struct.pack("<HHIIIIIHHHHHH", 2, 3, 1, _ENTRY32, 52, 0, 0, 52, 32, 1, 0, 0, 0)
    )
    return header + struct.pack("<IIIIIIII", 1, 0, 0x8048000, 0x8048000, size, size, 5, 4096) + code


def script(programs: dict[str, bytes]) -> str:
    """A shell script that runs ``programs`` and prints a line ``name errno`` for each."""
    lines = ["cd /tmp"]
    for name, program in programs.items():
        text = "".join(f"\\{byte:03o}" for byte in program)
        lines += [f"printf '{text}' >p; chmod +x p", f"code=0; ./p || code=$?; echo {name} $code; rm p"]
    return "\n".join(lines)


def _u32(value: int) -> bytes:
    return struct.pack("<I", value & 0xFFFFFFFF)
