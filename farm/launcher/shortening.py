"""A seccomp program made as short as it can be, with the same answer to every system call.

The kernel checks, converts and compiles the program anew for every container, which costs more than any other call of its
set-up. What libseccomp writes compares the call's number with every number that has a rule. But calls next to each other
mostly have the same answer, so ranges are enough, of which there are a tenth as many.

A program is a function of the words of ``struct seccomp_data``. It is followed once, every comparison splitting what its
word may still be, into a tree: an answer, or what a word has to be for which tree. From that it is written again.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TypeAlias

INSTRUCTION = struct.Struct("=HBBI")
"""struct sock_filter: code, jump if true, jump if false, operand."""

LOAD, AND, JUMP, RETURN = 0x20, 0x54, 0x05, 0x06  # BPF_LD|W|ABS, BPF_ALU|AND|K, BPF_JMP|JA, BPF_RET|K
JUMP_EQUAL, JUMP_GREATER, JUMP_AT_LEAST = 0x15, 0x25, 0x35  # BPF_JMP|{JEQ,JGT,JGE}|K
_WHOLE = 0xFFFFFFFF
_FARTHEST = 255  # that a conditional jump goes

_Instruction: TypeAlias = tuple[int, int, int, int]
_Word: TypeAlias = tuple[int, int]
"""Where it lies in ``struct seccomp_data``, and the bits of it that are looked at."""


@dataclass(frozen=True, slots=True)
class _Ranges:
    """``parts`` are, in order, the least value of ``word`` and what holds from there to the next."""

    word: _Word
    parts: tuple[tuple[int, _Tree], ...]


_Tree: TypeAlias = "int | _Ranges"
_Known: TypeAlias = dict[_Word, tuple[int, int]]


def shortened(program: bytes) -> bytes:
    """A program that answers as ``program`` does. Raises ``ValueError`` where that has an instruction unknown here."""
    code = [INSTRUCTION.unpack_from(program, at) for at in range(0, len(program), INSTRUCTION.size)]
    writer = _Writer()
    writer.write(_followed(code, 0, (0, _WHOLE), {}))
    return writer.program()


def _followed(code: list[_Instruction], at: int, word: _Word, known: _Known) -> _Tree:
    """What becomes of a call from ``at`` on, with ``word`` loaded and ``known`` of it: the least and the most of words."""
    while True:
        operation, if_true, if_false, operand = code[at]
        at += 1
        if operation == LOAD:
            word = (operand, _WHOLE)
        elif operation == AND:
            word = (word[0], word[1] & operand)
        elif operation == JUMP:
            at += operand
        elif operation == RETURN:
            return operand
        else:
            least, most = known.get(word, (0, word[1]))
            pieces = _pieces(operation, operand, least, most)
            if len(pieces) == 1:
                at += if_true if pieces[0][2] else if_false
                continue
            parts: list[tuple[int, _Tree]] = []
            for first, last, holds in pieces:
                onward = at + (if_true if holds else if_false)
                found = _followed(code, onward, word, {**known, word: (first, last)})
                parts += found.parts if isinstance(found, _Ranges) and found.word == word else [(first, found)]
            return _joined(word, parts)


def _pieces(operation: int, operand: int, least: int, most: int) -> list[tuple[int, int, bool]]:
    """The comparison's result for each part of what the word may be: first, last, result."""
    if operation == JUMP_EQUAL:
        pieces = [(least, operand - 1, False), (operand, operand, True), (operand + 1, most, False)]
    elif operation in (JUMP_GREATER, JUMP_AT_LEAST):
        edge = operand + (operation == JUMP_GREATER)
        pieces = [(least, edge - 1, False), (edge, most, True)]
    else:
        raise ValueError(f"instruction {operation:#x} of a filter is not known")
    cut = [(max(first, least), min(last, most), holds) for first, last, holds in pieces]
    return [each for each in cut if each[0] <= each[1]]


def _joined(word: _Word, parts: list[tuple[int, _Tree]]) -> _Tree:
    """One range where neighbours have the same answer, and none where all have."""
    kept = [each for number, each in enumerate(parts) if not number or each[1] != parts[number - 1][1]]
    return _Ranges(word, tuple(kept)) if len(kept) > 1 else kept[0][1]


class _Writer:
    """Writes a program from its end, so that whatever a jump may lead to is there before it, once."""

    __slots__ = ("_backwards", "_places")

    def __init__(self) -> None:
        self._backwards: list[_Instruction] = []
        self._places: dict[_Tree, int] = {}

    def program(self) -> bytes:
        return b"".join(INSTRUCTION.pack(*each) for each in reversed(self._backwards))

    def write(self, tree: _Tree) -> int:
        """Where ``tree`` begins, counted from the end."""
        if tree not in self._places:
            if isinstance(tree, int):
                self._append(RETURN, 0, 0, tree)
            else:
                place, bits = tree.word
                self._search(tree.parts)
                if bits != _WHOLE:
                    self._append(AND, 0, 0, bits)
                self._append(LOAD, 0, 0, place)
            self._places[tree] = len(self._backwards) - 1
        return self._places[tree]

    def _search(self, parts: tuple[tuple[int, _Tree], ...]) -> int:
        """Where the search for the range that the loaded word is in begins, by halves; it is the last that was written."""
        if len(parts) == 1:
            return self.write(parts[0][1])
        if len(parts) == 3 and parts[0][1] == parts[2][1] and parts[2][0] == parts[1][0] + 1:
            return self._branch(JUMP_EQUAL, parts[1][0], self.write(parts[1][1]), self.write(parts[0][1]))
        middle = len(parts) // 2
        above = self._search(parts[middle:])
        return self._branch(JUMP_AT_LEAST, parts[middle][0], above, self._search(parts[:middle]))

    def _branch(self, operation: int, operand: int, if_true: int, if_false: int) -> int:
        if_false = self._near(if_false)
        if_true = self._near(if_true)
        here = len(self._backwards)
        return self._append(operation, here - if_true - 1, here - if_false - 1, operand)

    def _near(self, target: int) -> int:
        """Where a conditional jump can go that wants to go to ``target``; another one may be written in between."""
        distance = len(self._backwards) - target
        if distance < _FARTHEST:
            return target
        return self._append(JUMP, 0, 0, distance - 1)

    def _append(self, *instruction: int) -> int:
        operation, if_true, if_false, operand = instruction
        self._backwards.append((operation, if_true, if_false, operand))
        return len(self._backwards) - 1
