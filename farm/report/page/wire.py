"""The form in which data lie in the page: JSON in ASCII, gzip (RFC 1952), base64. Nothing in it can end an element."""

from __future__ import annotations

import base64
import gzip
import json

from farm.report import text


class Texts:
    """Texts by number, each once: what thousands of jobs share is said once."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def number(self, said: str) -> int:
        """That of ``said``, a new one for a new text."""
        return self._numbers.setdefault(said, len(self._numbers))

    def raw(self) -> list[str]:
        """The texts in the order of their numbers, as they came."""
        return list(self._numbers)

    def all(self) -> list[str]:
        """The texts in the order of their numbers, as harmless lines."""
        return [text.line(each) for each in self._numbers]


def packed(value: object) -> str:
    """``value`` as the page's script unpacks it. The same value gives the same text."""
    said = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return base64.b64encode(gzip.compress(said.encode("ascii"), 6, mtime=0)).decode("ascii")
