"""What the failures of a run have in common: groups of one signature, and the facts that tell them from the rest."""

from __future__ import annotations

from farm.values import dataclass

CLAIM = 2.0
"""The score from which on a cause is claimed: once in a hundred such groups, at most, chance would do as well."""


@dataclass(frozen=True, slots=True)
class Cause:
    """A fact of a distro or a value of an axis that goes with failures: ``libc = musl``.

    ``bad_with`` of ``all_with`` comparable jobs that have it are in the group, ``bad_without`` of ``all_without`` others.
    ``score`` orders causes, the greatest first, as docs/attribution.md defines it; ``sentence`` says it for people.

    Of a range ``name`` is ``glibc`` or the id of a distro, and ``value`` ``< 2.17`` or ``>= 2.34``; of two facts together
    ``name`` is ``libc = musl and opt``. ``same`` are other facts that the very same jobs have, as ``family = alpine``.
    """

    name: str
    value: str
    bad_with: int
    all_with: int
    bad_without: int
    all_without: int
    score: float
    sentence: str
    same: tuple[str, ...] = ()

    @property
    def fact(self) -> str:
        """``libc = musl``, of a range ``glibc < 2.17``."""
        return f"{self.name} {self.value}" if self.value.startswith(("< ", ">= ")) else f"{self.name} = {self.value}"

    @property
    def is_sure(self) -> bool:
        """Claimed; else it is the best that there is, of too few jobs to tell."""
        return self.score >= CLAIM


@dataclass(frozen=True, slots=True)
class Group:
    """Bad jobs with one signature: ``jobs`` are their numbers in the run's order, ``example`` is one of the lines as it was.

    ``note`` says why there is no cause, or none for some of them: ``fails everywhere: ...``.
    """

    signature: str
    example: str
    jobs: tuple[int, ...]
    causes: tuple[Cause, ...] = ()
    note: str = ""
