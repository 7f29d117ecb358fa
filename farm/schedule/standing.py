"""How a run stands: what runs, what of the budget that takes, and why the rest waits. Values, and one decision, pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import Enum

from farm.model.job import ImageKey
from farm.schedule import policy
from farm.schedule.policy import Budget, Demand
from farm.values import dataclass


class Why(Enum):
    """What a job waits for, first of all where it is several things; the value is what people read after ``for``."""

    IMAGE = "an image"
    NEEDS = "needs"
    MAX_PARALLEL = "max-parallel"
    GROUP = "their group"
    SLOTS = "a slot"
    CPUS = "cpus"
    MEMORY = "memory"
    PRESSURE = "the host, short of memory or disk time"
    EXHAUSTED = "the host, out of descriptors or processes"
    TURN = "a larger job"


@dataclass(frozen=True, slots=True)
class Used:
    """What running jobs take of a budget, by their quotas."""

    running: int = 0
    cpus: float = 0.0
    memory_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Standing:
    """One moment of a run.

    ``at_most`` is how many jobs may run at once just now, the budget's slots or fewer. ``waiting`` counts jobs by what they
    wait for, none of them twice; ``images`` are those that are not there yet, with the number of jobs that each keeps waiting.
    ``stopped`` is why nothing more starts, empty where it does.
    """

    budget: Budget
    used: Used
    at_most: int
    waiting: Mapping[Why, int] = field(default_factory=dict)
    images: tuple[tuple[ImageKey, int], ...] = ()
    stopped: str = ""


def held_back(wanted: Demand, given: Budget, used: Used, *, ceiling: int, pressed: int) -> Why:
    """Why a job with this demand, which nothing of its test or group keeps, has not started.

    ``ceiling`` is how many may run at once since the host was exhausted, ``pressed`` since it is short, 0 for no such bound.
    """
    most = min(ceiling, pressed or ceiling)
    if used.running >= most:
        return Why.SLOTS if most >= given.slots else Why.PRESSURE if most == pressed else Why.EXHAUSTED
    if policy.fits(wanted, given, used.running, used.cpus, used.memory_bytes):
        return Why.TURN
    return Why.MEMORY if used.memory_bytes + wanted.memory_bytes > given.memory_bytes else Why.CPUS
