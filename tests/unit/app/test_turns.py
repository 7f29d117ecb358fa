from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from farm.app.turns import Turns
from farm.errors import GivenUpError
from farm.model.build import Build

BUILD = Build("b", (), ("true",), "/nowhere")


class Held:
    """Builds that go on until ``go`` is set."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.begun = threading.Semaphore(0)
        self.ended = 0

    def build(self, build: Build, log_path: str, watch: Callable[[], None]) -> str:
        self.begun.release()
        self.go.wait()
        self.ended += 1
        return "a reason"


def start(turns: Turns) -> threading.Thread:
    thread = threading.Thread(target=turns.builder().build, args=(BUILD, "/log", lambda: None))
    thread.start()
    return thread


def test_the_end_waits_for_builds_that_go_on() -> None:
    held = Held()
    with Turns(held) as turns:
        threads = [start(turns), start(turns)]
        for _ in threads:
            held.begun.acquire()
        held.go.set()
    assert held.ended == 2
    for each in threads:
        each.join()


def test_who_waits_for_a_turn_may_give_up() -> None:
    held = Held()
    turns = Turns(held)
    threads = [start(turns), start(turns)]
    for _ in threads:
        held.begun.acquire()

    def watch() -> None:
        raise GivenUpError("nobody needs it")

    with pytest.raises(GivenUpError):
        turns.builder().build(BUILD, "/log", watch)
    held.go.set()
    for each in threads:
        each.join()
    last = turns.builder()
    assert last.took_s is None
    assert last.build(BUILD, "/log", watch) == "a reason"
    assert last.took_s is not None
