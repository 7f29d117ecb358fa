"""What the failures of a run have in common: groups of one signature, and the facts that tell them from the rest."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cause:
    """A fact of a distro or a value of an axis that goes with failures: ``libc = musl``.

    ``bad_with`` of ``all_with`` comparable jobs that have it are in the group, ``bad_without`` of ``all_without`` others.
    ``score`` orders causes, the greatest first, as docs/attribution.md defines it; ``sentence`` says it for people.
    """

    name: str
    value: str
    bad_with: int
    all_with: int
    bad_without: int
    all_without: int
    score: float
    sentence: str


@dataclass(frozen=True, slots=True)
class Group:
    """Bad jobs with one signature: ``jobs`` are their numbers in the run's order, ``example`` is one of the lines as it was."""

    signature: str
    example: str
    jobs: tuple[int, ...]
    causes: tuple[Cause, ...] = ()
