"""Commands that are timed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bench.spawn import Spawner
from farm.errors import FarmError


@pytest.fixture
def spawner(tmp_path: Path) -> Spawner:
    return Spawner(str(tmp_path / "errors"), "bench-", {**os.environ, "FOLDER": str(tmp_path)})


def test_once_takes_as_long_as_the_command_and_names_it(spawner: Spawner, tmp_path: Path) -> None:
    assert 0.05 <= spawner.once(("sh", "-c", 'sleep 0.05; touch "$FOLDER/{}"'), "one") < 5
    assert (tmp_path / "bench-one").exists()


def test_a_command_that_fails_says_its_last_line(spawner: Spawner) -> None:
    with pytest.raises(FarmError) as caught:
        spawner.once(("sh", "-c", "echo first >&2; echo last >&2; exit 3"))
    assert (caught.value.brief, caught.value.detail) == ("sh ended with 3", "last")
    assert spawner.complaint() == ""


def test_many_run_one_command_a_name(spawner: Spawner, tmp_path: Path) -> None:
    spawner.many(("sh", "-c", 'touch "$FOLDER/{}"'), ["a", "b", "c"], 2)
    assert {each.name for each in tmp_path.glob("bench-*")} == {"bench-a", "bench-b", "bench-c"}


def test_many_with_several_names_to_a_command(spawner: Spawner, tmp_path: Path) -> None:
    spawner.many(("sh", "-c", 'touch "$FOLDER/$#-$1"', "sh"), ["a", "b", "c"], 1, at_once=2)
    assert {each.name for each in tmp_path.glob("*bench-*")} == {"2-bench-a", "1-bench-c"}


def test_one_of_many_that_fails_is_an_error(spawner: Spawner) -> None:
    with pytest.raises(FarmError) as caught:
        spawner.many(("sh", "-c", "test {} != bench-b || { echo not b >&2; exit 1; }"), ["a", "b"], 1)
    assert caught.value.detail == "not b"
