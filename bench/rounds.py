"""Rounds in which every tool has its turn, so that a machine that drifts is fair to all; who goes first changes with each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from bench.farm import Farm
from bench.figures import Lives, Throughput
from bench.tools import FAILURES, Tool, Tools, why

_T = TypeVar("_T")
Tell = Callable[[str], object]
_TRIES = 3  # how much shorter a turn is that only looks for the best parallelism


def in_turns(items: Sequence[_T], number: int) -> list[_T]:
    """``items`` in the order of round ``number``: another one is first, and every second round goes backwards."""
    first = number % len(items) if items else 0
    turned = [*items[first:], *items[:first]]
    return turned[::-1] if number % 2 else turned


def latency(lives: Lives, tools: Tools, rounds: int, count: int, tell: Tell) -> None:
    """``count`` lives of each tool, one after another, in each of ``rounds``."""
    for number in range(rounds):
        tell(f"one after another, round {number + 1} of {rounds}")
        for tool in in_turns(tools.tools, number):
            with failing(lives, tools, tool):
                took_s = tool.alone(count)
                lives.latency.setdefault(tool.name, []).extend(took_s)


def throughput(
    lives: Lives, tools: Tools, rounds: int, parallels: Sequence[int], jobs: int, seconds: float, tell: Tell
) -> None:
    """Each tool at each of ``parallels`` once, and then in ``rounds`` at the best, for about ``seconds`` a turn.

    A whole run of the farm has ``jobs``; and of the other tools, too, none has more.
    """
    for parallel in parallels:
        tell(f"{parallel} at a time")
        for tool in tuple(tools.tools):
            with failing(lives, tools, tool):
                _try(lives, tool, parallel, jobs, seconds / _TRIES)
    tell(f"whole runs of {jobs} jobs")
    tried = {parallel: jobs / tools.farms[0].run(jobs, parallel).took_s for parallel in (0, *parallels)}
    for farm in tools.farms:
        lives.throughput[farm.name] = Throughput(best(tried), tried)
    for number in range(rounds):
        tell(f"many at once, round {number + 1} of {rounds}")
        turns: tuple[Tool | Farm, ...] = (*tools.tools, *tools.farms)
        for turn in in_turns(turns, number):
            found = lives.throughput[turn.name]
            if isinstance(turn, Farm):
                run = turn.run(jobs, found.parallel)
                found.a_second.append(jobs / run.took_s)
                if not turn.prepared:
                    lives.runs.append(run)
            else:
                with failing(lives, tools, turn):
                    count = turn_of(found.tried[found.parallel], seconds, found.parallel, jobs)
                    found.a_second.append(count / turn.many(count, found.parallel))


def best(tried: dict[int, float]) -> int:
    """The parallelism with the most lives a second."""
    return max(tried, key=lambda parallel: tried[parallel])


def turn_of(a_second: float, seconds: float, parallel: int, most: int) -> int:
    """How many lives fit into ``seconds``: at least two for each slot, at most ``most``."""
    return max(2 * parallel, min(most, round(a_second * seconds)))


@contextmanager
def failing(lives: Lives, tools: Tools, tool: Tool) -> Iterator[None]:
    """The turn of a tool; one that fails has no further one, and the reason is kept."""
    try:
        yield
    except FAILURES as error:
        lives.absent[tool.name] = why(error)
        tools.tools.remove(tool)


def _try(lives: Lives, tool: Tool, parallel: int, most: int, seconds: float) -> None:
    count = turn_of(1 / min(lives.latency[tool.name]), seconds, parallel, most)
    found = lives.throughput.setdefault(tool.name, Throughput(parallel, {}))
    found.tried[parallel] = count / tool.many(count, parallel)
    found.parallel = best(found.tried)
