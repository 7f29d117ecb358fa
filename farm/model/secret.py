"""What of a secret's value is covered wherever the farm shows or writes something."""

from __future__ import annotations

LEAST_BYTES = 4
"""Anything shorter would be found everywhere, hide the log, and give itself away by its places."""


def parts(value: str) -> tuple[str, ...]:
    """What is covered of ``value``, without the blanks around it: the whole, and each line that has ``LEAST_BYTES``.

    So a shorter line is covered where the value is shown whole, and not by itself. Nothing where no line is long enough:
    such a value cannot be a secret.
    """
    lines = [line for each in value.splitlines() if _length(line := each.strip()) >= LEAST_BYTES]
    return tuple(dict.fromkeys((value.strip(), *lines))) if lines else ()


def _length(text: str) -> int:
    return len(text.encode(errors="surrogateescape"))
