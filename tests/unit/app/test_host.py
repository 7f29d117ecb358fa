from __future__ import annotations

import os
import resource
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from farm.app.host import descriptors_of, views, writable_store
from farm.errors import UsageError
from farm.model.build import Network
from farm.model.distro import Facts, Image, Overlay
from farm.model.job import Job
from farm.model.rules import Artifacts
from farm.model.service import Service

LIMITED = """
import resource
from farm.app.host import raise_descriptors
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (256, {hard}))
print(raise_descriptors({slots}), resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""


def test_views_are_the_store_and_folders_of_the_host_outside_of_it() -> None:
    stored = Image("0" * 64, "a.tar", (Overlay("/", ("/home/store/0/rootfs",)),), Facts())
    host = Image("1" * 64, "host", (Overlay("/", ("/home/store/1/rootfs",)), Overlay("/usr", ("/usr",))), Facts())
    assert views("/home/store", [stored, host]) == ("/home/store", "/usr")


def test_a_store_is_made_where_there_is_none_and_closed_to_others(tmp_path: Path) -> None:
    store = writable_store(str(tmp_path / "deep/home"))
    assert os.stat(store.rootfs_dir).st_mode & 0o777 == 0o700


def test_a_file_in_the_place_of_the_folder_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    with pytest.raises(UsageError) as caught:
        writable_store(str(tmp_path / "home"))
    assert "FARM_HOME" in caught.value.remedy


@pytest.mark.parametrize(
    ("hard", "slots", "allowed", "soft"), [(4096, 300, 300, 3020), (512, 300, 35, 512), (4096, 2, 2, 338)]
)
def test_descriptors_are_raised_as_far_as_jobs_need_them(hard: int, slots: int, allowed: int, soft: int) -> None:
    if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < hard:
        pytest.skip(f"needs a hard limit of {hard} open files")
    code = LIMITED.format(hard=hard, slots=slots)
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.split() == [str(allowed), str(soft)]


def test_what_a_job_needs_decides_how_many_descriptors_it_takes() -> None:
    job = Job("t/d", "t", "d", (), ("sh",), "")
    service = Service("db", "d", ("sh",), "")
    assert (descriptors_of(job, v2=False), descriptors_of(job)) == (3, 6)
    assert descriptors_of(replace(job, network=Network.HOST)) == 6
    assert descriptors_of(job, keeps=True) == 9
    assert descriptors_of(replace(job, always="true")) == 9
    assert descriptors_of(replace(job, artifacts=Artifacts(("/x",)))) == 9
    assert descriptors_of(replace(job, network=Network.ISOLATED)) == 9 + 1
    assert descriptors_of(replace(job, services=(service, service))) == 9 + 1 + 2 * 9
