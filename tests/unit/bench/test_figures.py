"""What is said of several measurements."""

from __future__ import annotations

from bench.figures import Crowd, Lives, Run, Spread, Throughput, spread


def test_one_figure_is_its_own_spread() -> None:
    assert spread([3.0]) == Spread(3.0, 3.0, 3.0)


def test_median_and_quartiles_in_any_order() -> None:
    assert spread([5.0, 1.0, 3.0, 2.0, 4.0]) == Spread(2.0, 3.0, 4.0)


def test_lives_answers_with_medians_and_none_for_what_was_not_measured() -> None:
    lives = Lives(10, "host")
    lives.latency["crun"] = [0.03, 0.01, 0.02]
    lives.throughput["crun"] = Throughput(2, {2: 90.0}, [100.0, 90.0, 80.0])
    lives.throughput["runc"] = Throughput(2, {2: 90.0})
    assert (lives.latency_s("crun"), lives.latency_s("docker")) == (0.02, None)
    assert (lives.a_second("crun"), lives.a_second("runc"), lives.a_second("docker")) == (90.0, None, None)


def test_a_crowd_that_did_not_come_about_is_none() -> None:
    lives = Lives(10, "host", crowds=[Crowd("docker", 500, why_not="would take 80 s"), Crowd("crun", 500, up_s=2.0)])
    assert lives.crowd("docker", 500) is None
    assert lives.crowd("crun", 100) is None
    assert lives.crowd("crun", 500) == Crowd("crun", 500, up_s=2.0)


def test_runs_of_one_size() -> None:
    few, many = Run(10, 1.0, 0.3, 0.1, 1), Run(100, 9.0, 0.3, 0.2, 1)
    assert Lives(10, "host", runs=[few, many, few]).runs_of(10) == [few, few]
