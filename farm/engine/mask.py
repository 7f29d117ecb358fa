"""Covering secrets in what a command prints, also where one comes in pieces."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable

from farm.model.secret import LEAST_BYTES, parts

COVER = b"***"


class Mask:
    """Replaces each of ``values``, and each line of one that has several, by ``***``; see ``parts``.

    What could be the beginning of a secret is held back until more has come, so that nothing of one that arrives in two
    reads is ever written.
    """

    __slots__ = ("_found", "_heads", "_held", "_most", "_secrets")

    def __init__(self, values: Iterable[str]) -> None:
        covered = {part.encode(errors="surrogateescape") for value in values for part in parts(value)}
        # The longest first: of two that begin alike, the shorter one would leave the rest of the other.
        self._secrets = sorted(covered, key=lambda each: (-len(each), each))
        self._found = re.compile(b"|".join(map(re.escape, self._secrets)) or b"(?!)")
        self._most = len(self._secrets[0]) if self._secrets else 0
        heads = {re.escape(each[:LEAST_BYTES]) for each in self._secrets}
        self._heads = re.compile(b"(?=%b)" % b"|".join(heads) if heads else b"(?!)")
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """What can be shown now that ``data`` has come."""
        if not self._secrets:
            return data
        data = self._held + data
        shown, at = [], 0
        while True:
            hold = self._begins(data, at)
            match = self._found.search(data, at)
            if match is None or match.start() >= hold:
                break
            shown += [data[at : match.start()], COVER]
            at = match.end()
        self._held = data[hold:]
        return b"".join((*shown, data[at:hold]))

    def flush(self) -> bytes:
        """The rest, when no more comes."""
        held, self._held = self._held, b""
        return self._found.sub(COVER, held)

    def text(self, text: str) -> str:
        """``text``, which came whole, with its secrets covered."""
        if not self._secrets:
            return text
        covered = self._found.sub(COVER, text.encode(errors="surrogateescape"))
        return covered.decode(errors="surrogateescape")

    def _begins(self, data: bytes, at: int) -> int:
        """Where the end of ``data`` could be the beginning of a secret, from ``at`` on; its length where it could not."""
        first, last = max(at, len(data) - self._most + 1), max(at, len(data) - LEAST_BYTES + 1)
        heads = (match.start() for match in self._heads.finditer(data, first))
        for start in itertools.chain(heads, range(last, len(data))):
            tail = data[start:]
            if any(each.startswith(tail) for each in self._secrets if len(each) > len(tail)):
                return start
        return len(data)
