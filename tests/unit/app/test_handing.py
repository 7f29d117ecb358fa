from __future__ import annotations

import os

from farm.app.handing import handing_on
from farm.model.mount import Mount, MountMode
from tests.unit.schedule.jobs import make_job


def test_a_job_sees_what_the_jobs_it_needs_left_read_only(tmp_path) -> None:
    run_dir = str(tmp_path)
    jobs = [
        make_job("build/a", test="build"),
        make_job("data/a[n=1]", test="data"),
        make_job("data/a[n=2]", test="data"),
        make_job("none/a", test="none"),
    ]
    for path in ("build@a/2", "data@a[n=1]/1", "data@a[n=2]/1"):
        os.makedirs(tmp_path / "artifacts" / path)
    own = Mount("/src", "/src", MountMode.OVERLAY)
    use = make_job("use/a", needs=tuple(job.id for job in jobs), mounts=(own,))
    hand_on = handing_on([*jobs, use], run_dir)
    found = hand_on(use, {"build/a": 2, "data/a[n=1]": 1, "data/a[n=2]": 1, "none/a": 1})
    assert found.mounts == (
        own,
        Mount(f"{run_dir}/artifacts/build@a/2", "/farm/needs/build"),
        Mount(f"{run_dir}/artifacts/data@a[n=1]/1", "/farm/needs/data@a[n=1]"),
        Mount(f"{run_dir}/artifacts/data@a[n=2]/1", "/farm/needs/data@a[n=2]"),
    )
    assert hand_on(use, {"none/a": 1}) is use


def test_repetitions_see_their_own_under_the_same_name(tmp_path) -> None:
    os.makedirs(tmp_path / "artifacts/build@a%232/1")
    jobs = [make_job("build/a#2", test="build"), make_job("use/a#2", needs=("build/a#2",))]
    (found,) = handing_on(jobs, str(tmp_path))(jobs[1], {"build/a#2": 1}).mounts
    assert (found.source, found.target) == (f"{tmp_path}/artifacts/build@a%232/1", "/farm/needs/build")
