from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from farm.model.job import ImageKey
from farm.model.rules import Shard
from farm.schedule import order
from farm.schedule.needs import closure
from farm.schedule.repeat import first_id, part, repeated
from tests.unit.schedule.jobs import make_job

HOST, ALPINE = ImageKey("host"), ImageKey("alpine")


def ordered(jobs, expected_s=None, **more):
    ranks = order.ranks(jobs, expected_s or {}, **more)
    return [job.id for _, job in sorted(zip(ranks, jobs, strict=True), key=lambda each: each[0])]


def test_without_history_it_goes_round_between_the_distros_in_the_order_of_the_matrix() -> None:
    jobs = [make_job(f"{test}/{key.distro}", key, test=test) for key in (HOST, ALPINE) for test in "abc"]
    assert ordered(jobs) == ["a/host", "a/alpine", "b/host", "b/alpine", "c/host", "c/alpine"]


def test_what_took_long_is_first_and_priority_is_before_that() -> None:
    jobs = [make_job(name) for name in ("short", "long", "middle")] + [make_job("asked", priority=1)]
    assert ordered(jobs, {"short": 1.0, "long": 90.0, "middle": 9.0, "asked": 0.1}) == [
        "asked",
        "long",
        "middle",
        "short",
    ]


def test_about_the_same_length_is_fair_between_distros_and_longest_first_in_each() -> None:
    jobs = [make_job(str(n), HOST) for n in range(3)] + [make_job("other", ALPINE)]
    assert ordered(jobs, {"0": 8.0, "1": 9.0, "2": 10.0, "other": 8.5}) == ["2", "other", "1", "0"]


def test_a_job_of_which_nothing_is_known_is_like_the_others_of_its_test() -> None:
    jobs = [make_job("known", test="t"), make_job("new", test="t"), make_job("other")]
    assert ordered(jobs, {"known": 60.0, "other": 5.0}) == ["known", "new", "other"]
    assert order.durations_s([*jobs, make_job("lone")], {"known": 60.0, "other": 5.0}) == [60.0, 60.0, 5.0, 32.5]


def test_what_others_need_counts_with_them() -> None:
    jobs = [make_job("alone"), make_job("build"), make_job("use", needs=("build",))]
    assert ordered(jobs, {"alone": 9.0, "build": 1.0, "use": 30.0}) == ["build", "use", "alone"]
    assert order.chains_s(jobs, [9.0, 1.0, 30.0]) == [9.0, 31.0, 30.0]


def test_what_failed_last_is_first_where_asked_for_after_priority() -> None:
    jobs = [make_job("good"), make_job("bad"), make_job("asked", priority=1), make_job("bad#2")]
    assert ordered(jobs, {"good": 100.0}, failed={"bad"}) == ["asked", "bad", "bad#2", "good"]


def test_a_seed_shuffles_the_same_way_every_time_and_priority_stays_first() -> None:
    jobs = [make_job(str(n)) for n in range(50)] + [make_job("asked", priority=1)]
    first, again, other = ordered(jobs, seed=1), ordered(jobs, seed=1), ordered(jobs, seed=2)
    assert first == again
    assert first != other
    assert first != ordered(jobs)
    assert first[0] == other[0] == "asked"


def test_a_listing_has_what_is_needed_before_what_needs_it() -> None:
    jobs = [make_job("use", needs=("build",), priority=9), make_job("build"), make_job("other", priority=1)]
    listed = order.listing(jobs, order.ranks(jobs, {}))
    assert [job.id for job in listed] == ["other", "build", "use"]


@given(st.lists(st.lists(st.integers(0, 20), max_size=3), max_size=20), st.booleans())
def test_ranks_are_a_permutation_whatever_needs_what(shapes, shuffled) -> None:
    jobs = [make_job(str(n), needs=tuple(map(str, each))) for n, each in enumerate(shapes)]
    assert sorted(order.ranks(jobs, {}, seed=3 if shuffled else None)) == list(range(len(jobs)))


# Needs of a selection


def test_a_selection_brings_along_what_it_needs() -> None:
    jobs = [make_job("c", needs=("b", "nowhere")), make_job("a"), make_job("b", needs=("a",)), make_job("other")]
    assert [job.id for job in closure(jobs[:1], jobs)] == ["c", "a", "b"]


# Repetitions and parts


def test_repetitions_come_after_each_other_and_need_their_own() -> None:
    jobs = repeated([make_job("build"), make_job("use", needs=("build",))], 3)
    assert [job.id for job in jobs] == ["build", "use", "build#2", "use#2", "build#3", "use#3"]
    assert [job.needs for job in jobs if job.id.startswith("use")] == [("build",), ("build#2",), ("build#3",)]
    assert repeated(jobs, 1) == jobs


def test_the_first_id_of_a_repetition() -> None:
    assert first_id("unit/alpine-3.19#2") == "unit/alpine-3.19"
    assert first_id("unit/alpine[opt=O2]#10") == "unit/alpine[opt=O2]"
    assert first_id("unit/alpine[opt=#2]") == "unit/alpine[opt=#2]"
    assert first_id("unit/alpine") == "unit/alpine"


@given(st.integers(0, 40), st.integers(1, 7))
def test_parts_are_all_jobs_once_in_about_equal_numbers(count, total) -> None:
    jobs = [make_job(f"unit/host[n={n}]") for n in range(count)]
    parts = [part(jobs, Shard(index, total)) for index in range(total)]
    assert sorted(job.id for each in parts for job in each) == sorted(job.id for job in jobs)
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_parts_do_not_depend_on_the_order_of_jobs() -> None:
    jobs = [make_job(str(n)) for n in range(20)]
    assert set(part(jobs, Shard(1, 3))) == set(part(jobs[::-1], Shard(1, 3)))
