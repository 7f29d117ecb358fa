"""A shortened filter answers as the long one, whatever the call."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.kernel import capability
from farm.launcher.filter import compile_filter, exported
from farm.launcher.shortening import (
    AND,
    INSTRUCTION,
    JUMP,
    JUMP_AT_LEAST,
    JUMP_EQUAL,
    JUMP_GREATER,
    LOAD,
    RETURN,
    shortened,
)

DATA = struct.Struct("=II Q 6Q")  # struct seccomp_data: number, architecture, instruction pointer, arguments
COMPARED = {
    JUMP_EQUAL: lambda word, operand: word == operand,
    JUMP_GREATER: lambda word, operand: word > operand,
    JUMP_AT_LEAST: lambda word, operand: word >= operand,
}
WORDS = (0, 4, 16, 20, 24)
"""Of the number, the architecture, the first argument's halves and one half of the second."""


def packed(*code: tuple[int, int, int, int]) -> bytes:
    return b"".join(INSTRUCTION.pack(*each) for each in code)


def answer(program: bytes, data: bytes) -> int:
    """What the kernel would make of it."""
    code = list(INSTRUCTION.iter_unpack(program))
    word = at = 0
    while True:
        operation, if_true, if_false, operand = code[at]
        at += 1
        if operation == RETURN:
            return operand
        if operation == LOAD:
            (word,) = struct.unpack_from("=I", data, operand)
        elif operation == AND:
            word &= operand
        elif operation == JUMP:
            at += operand
        else:
            at += if_true if COMPARED[operation](word, operand) else if_false


@st.composite
def programs(draw: st.DrawFn) -> bytes:
    """Programs that the kernel would take: jumps go forward, and the end is an answer."""
    length = draw(st.integers(1, 30))
    code = []
    for left in range(length, 0, -1):
        onward = st.integers(0, left - 1)
        kind = draw(st.sampled_from((LOAD, AND, JUMP, RETURN, *COMPARED, *COMPARED)))
        if kind == LOAD:
            code.append((LOAD, 0, 0, draw(st.sampled_from(WORDS))))
        elif kind == AND:
            code.append((AND, 0, 0, draw(st.sampled_from((3, 6, 0xFFFFFFFF)))))
        elif kind == JUMP:
            code.append((JUMP, 0, 0, draw(onward)))
        elif kind == RETURN:
            code.append((RETURN, 0, 0, draw(st.integers(1, 3))))
        else:
            code.append((kind, draw(onward), draw(onward), draw(st.integers(0, 8) | st.just(0xFFFFFFFF))))
    return packed((LOAD, 0, 0, 0), *code, (RETURN, 0, 0, 4))


calls = st.builds(
    DATA.pack,
    st.integers(0, 9),
    st.integers(0, 9),
    st.just(0),
    st.sampled_from((0, 1, 3, 5, 7, 8 << 32, 0xFFFFFFFF, (1 << 64) - 1)),
    *[st.integers(0, 9)] * 5,
)


@given(programs(), st.lists(calls, min_size=20, max_size=20))
def test_answers_are_the_same(program, asked):
    shorter = shortened(program)
    assert [answer(shorter, each) for each in asked] == [answer(program, each) for each in asked]


def test_ranges_take_the_place_of_single_numbers():
    code = [(JUMP_EQUAL, 0, 1, number) for number in range(100)]
    long = packed((LOAD, 0, 0, 0), *[part for each in code for part in (each, (RETURN, 0, 0, 1))], (RETURN, 0, 0, 2))
    shorter = shortened(long)
    assert len(shorter) == 4 * INSTRUCTION.size
    assert {answer(shorter, DATA.pack(number, *[0] * 8)) for number in range(100)} == {1}
    assert answer(shorter, DATA.pack(100, *[0] * 8)) == 2


@pytest.mark.parametrize("extra", [(), ("SYS_ADMIN",)])
def test_B08_every_call_is_answered_as_libseccomp_wrote_it(extra):
    capabilities = capability.mask((*capability.DEFAULT, *extra))
    long, short = exported(capabilities), compile_filter(capabilities)
    assert len(short) < len(long) / 2
    # Of a call's arguments: families, personalities, socketcall's operations, namespaces; none, all and too much.
    arguments = (0, 1, 2, 12, 16, 38, 40, 45, 46, 8, 0x20000, 0x20008, 0x10000000, 0x7E020000, 0xFFFFFFFF, 1 << 32)
    for architecture in (0xC000003E, 0x40000003, 0xC00000B7, 0x40000028, 7):
        for number in (*range(600), *range(0x40000000, 0x40000240), 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF):
            plain = DATA.pack(number, architecture, 0, *[0] * 6)
            assert answer(short, plain) == answer(long, plain), (hex(architecture), number)
    numbers = (
        41,
        56,
        135,
        102,
        359,
        120,
        136,
        0x40000029,
        0x40000038,
        0x40000087,
    )  # socket, clone, personality, socketcall
    for architecture in (0xC000003E, 0x40000003):
        for number in numbers:
            for argument in arguments:
                call = DATA.pack(number, architecture, 0, argument, *[0] * 5)
                assert answer(short, call) == answer(long, call), (hex(architecture), number, argument)


def test_jumps_farther_than_a_conditional_one_goes():
    code = [(LOAD, 0, 0, 0)]
    for number in range(300):
        code += [(JUMP_EQUAL, 0, 1, 2 * number), (RETURN, 0, 0, number)]
    long = packed(*code, (RETURN, 0, 0, 4000))
    shorter = shortened(long)
    asked = [DATA.pack(number, *[0] * 8) for number in range(620)]
    assert [answer(shorter, each) for each in asked] == [answer(long, each) for each in asked]


def test_an_unknown_instruction_is_no_guess():
    with pytest.raises(ValueError, match="0x45"):
        shortened(packed((LOAD, 0, 0, 0), (0x45, 0, 0, 1), (RETURN, 0, 0, 1)))
