"""Which jobs of a matrix to run: by an expression over ids, by distro, by tag. Pure.

The expression is pytest's ``-k``: words that occur in the id, whatever the case, joined by ``and``, ``or``, ``not`` and
parentheses; ``not`` binds closest, then ``and``. A word with spaces or parentheses stands in quotes. No code runs::

    expression = conjunction {"or" conjunction}
    conjunction = term {"and" term}
    term = "not" term | "(" expression ")" | word
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from typing import TypeAlias

from farm.errors import UsageError
from farm.model.job import Job
from farm.values import dataclass

_TOKEN = re.compile(
    r"""\s*(?:(?P<paren>[()])|(?P<quote>["'])(?P<quoted>.*?)(?P=quote)|(?P<word>[^\s()"']+)|(?P<end>$))"""
)
_MAX_DEPTH = 50
_SHOWN = 10
_Predicate: TypeAlias = Callable[[str], bool]


def select(
    jobs: tuple[Job, ...], keyword: str | None, distros: tuple[str, ...], tags: tuple[str, ...]
) -> tuple[Job, ...]:
    """Those of ``jobs`` that fit all that is asked, in their order.

    ``keyword`` is an expression, None or blank for every job. A job fits ``distros`` if any of these globs matches the
    name of its distro, and ``tags`` if any of these globs matches any of its tags; an empty tuple asks nothing. Raises
    ``UsageError`` for a malformed expression, showing where.
    """
    wanted = _Parser(keyword).parse() if keyword is not None and keyword.strip() else None
    on = {name for name in {job.distro for job in jobs} if any(fnmatchcase(name, glob) for glob in distros)}
    return tuple(
        job
        for job in jobs
        if (not distros or job.distro in on)
        and (not tags or any(fnmatchcase(tag, glob) for tag in job.tags for glob in tags))
        and (wanted is None or wanted(job.id.lower()))
    )


def find_job(jobs: Sequence[Job], wanted: str) -> Job:
    """The job with the id ``wanted``, or the only one in whose id it occurs. Raises ``UsageError`` with those it may mean."""
    found = [job for job in jobs if job.id == wanted] or [job for job in jobs if wanted.lower() in job.id.lower()]
    if len(found) == 1:
        return found[0]
    if not found:
        close = difflib.get_close_matches(wanted, [job.id for job in jobs], n=3, cutoff=0.5)
        remedy = f"did you mean {' or '.join(close)}?" if close else "farm list shows the jobs there are"
        raise UsageError(f"no job is called {wanted!r}", remedy=remedy)
    shown = [job.id for job in found[:_SHOWN]] + ([f"and {len(found) - _SHOWN} more"] if len(found) > _SHOWN else [])
    raise UsageError(f"{wanted!r} may be any of {len(found)} jobs", "\n".join(shown), "write the whole id, in quotes")


@dataclass(frozen=True, slots=True)
class _Token:
    """``kind`` is ``(``, ``)``, ``and``, ``or``, ``not``, ``word`` or ``end``; ``column`` counts from 0."""

    kind: str
    text: str
    column: int


class _Parser:
    """Recursive descent over the tokens of one expression; its depth is bounded."""

    def __init__(self, expression: str) -> None:
        self._expression = expression
        self._tokens = self._split()
        self._next = 0
        self._depth = 0

    def parse(self) -> _Predicate:
        predicate = self._either()
        if self._peek().kind != "end":
            raise self._refuse(self._peek(), "'and', 'or' or the end is missing before this")
        return predicate

    def _either(self) -> _Predicate:
        parts = [self._both()]
        while self._peek().kind == "or":
            self._take()
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else lambda text: any(part(text) for part in parts)

    def _both(self) -> _Predicate:
        parts = [self._term()]
        while self._peek().kind == "and":
            self._take()
            parts.append(self._term())
        return parts[0] if len(parts) == 1 else lambda text: all(part(text) for part in parts)

    def _term(self) -> _Predicate:
        negated = False
        while self._peek().kind == "not":
            self._take()
            negated = not negated
        token = self._take()
        if token.kind == "(":
            inner = self._parenthesised(token)
        elif token.kind == "word":
            word = token.text.lower()
            inner = lambda text: word in text  # noqa: E731  a closure over this word is the point
        else:
            raise self._refuse(token, "a word or '(' is missing here")
        return (lambda text: not inner(text)) if negated else inner

    def _parenthesised(self, opening: _Token) -> _Predicate:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise self._refuse(opening, f"more than {_MAX_DEPTH} parentheses inside each other")
        inner = self._either()
        if self._peek().kind != ")":
            raise self._refuse(self._peek(), "')' is missing here")
        self._take()
        self._depth -= 1
        return inner

    def _peek(self) -> _Token:
        return self._tokens[self._next]

    def _take(self) -> _Token:
        token = self._tokens[self._next]
        self._next = min(self._next + 1, len(self._tokens) - 1)
        return token

    def _split(self) -> list[_Token]:
        tokens: list[_Token] = []
        position = 0
        while not tokens or tokens[-1].kind != "end":
            match = _TOKEN.match(self._expression, position)
            if match is None:
                blank = len(self._expression[position:]) - len(self._expression[position:].lstrip())
                raise self._refuse(_Token("word", "", position + blank), "this quote is not closed")
            position = match.end()
            tokens.append(_token(match))
        return tokens

    def _refuse(self, token: _Token, message: str) -> UsageError:
        shown = "".join(character if character.isprintable() else " " for character in self._expression)
        return UsageError(
            f"malformed expression: {message}",
            f"{shown}\n{' ' * token.column}^",
            "write it like: unit and not (slow or alpine)",
        )


def _token(match: re.Match[str]) -> _Token:
    if match["end"] is not None:
        return _Token("end", "", match.start("end"))
    if match["paren"]:
        return _Token(match["paren"], match["paren"], match.start("paren"))
    if match["quote"]:
        return _Token("word", match["quoted"], match.start("quote"))
    word = match["word"]
    return _Token(word if word in ("and", "or", "not") else "word", word, match.start("word"))
