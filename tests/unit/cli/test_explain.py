"""``explain``."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path

import pytest

from farm.cli.explain import without_secrets
from farm.cli.main import status
from farm.image.record import Details, encode
from farm.image.store import Store
from farm.model.distro import Facts, Image, Overlay
from farm.model.job import Job
from farm.model.service import Service

MATRIX = """version: 1
distros: [host]
env: {LANG: C.UTF-8}
defaults: {timeout: 2m, resources: {memory: 256M}, secrets: [FARMTEST_TOKEN]}
jobs:
  build: {run: make}
  unit:
    summary: tests with {{ matrix.opt }}
    needs: [build]
    env: {WRITTEN: hunter22}
    mounts: [{source: ., target: /src, mode: overlay}]
    run: |
      make -C /src
      check {{ matrix.opt }}
    debug: cat {{ distro.id }}.log
    strategy:
      matrix:
        opt: [O0, O2]
        include:
          - {opt: O2, timeout: 9m, resources: {cpus: 2}}
          - {opt: O3, expect: fail}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FARMTEST_TOKEN", "hunter22")
    monkeypatch.setenv("FARM_HOME", str(tmp_path / "home"))
    (tmp_path / "matrix.yaml").write_text(MATRIX)
    return tmp_path


def explained(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert status(["explain", *arguments]) == 0
    return capsys.readouterr().out


def test_it_says_why_what_and_from_which_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = explained(capsys, "unit/host[opt=O2]").replace(str(folder), "HERE")
    lines = [line.rstrip() for line in said.splitlines()]
    wanted = """\
        unit/host[opt=O2]
          tests with O2

        because  the job unit                                 matrix.yaml:7:3
                 on the distro host                           built in
                 with opt O2                                  matrix.yaml:18:19
                 an include says timeout, resources of it     matrix.yaml:20:13

        cpus               2                       matrix.yaml:20:48
        memory             256 MiB                 matrix.yaml:4:37
        pids               256
        timeout            9m00s                   matrix.yaml:20:23
        network            none
        user               root
        working-directory  /
        env                LANG=C.UTF-8            matrix.yaml:3:7
        env                WRITTEN=***             matrix.yaml:10:11
        secret             FARMTEST_TOKEN=***      matrix.yaml:4:52
        mount              HERE at /src (overlay)  matrix.yaml:11:5
        needs              build/host              matrix.yaml:9:5

        run  (sh -e)  matrix.yaml:12:5
            make -C /src
            check O2

        debug  (sh -e)  matrix.yaml:15:5
            cat {{ distro.id }}.log

        what stands in braces is filled in when the image is there"""
    assert [" ".join(line.split()) for line in lines] == [
        " ".join(line.split()) for line in textwrap.dedent(wanted).splitlines()
    ]


def test_an_include_that_adds_the_job_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    said = explained(capsys, "opt=O3")  # a part is enough where it is the only one
    assert "an include adds it" in said
    assert "matrix.yaml:21:13" in said
    assert "with opt" not in said


def test_the_steps_of_its_container_are_told_in_order(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = explained(capsys, "unit/host[opt=O2]", "--plan")
    steps = [line.split(None, 1)[1] for line in said.partition("between its new namespaces")[2].splitlines()[1:]]
    assert "mount overlay on /  lowerdir=<image of host>,upperdir=/c/upper,workdir=/c/work" in steps
    assert f"mount {folder} at /src  overlay" in steps
    assert steps[-2:] == ["pivot_root", "drop privileges"]
    assert any(step.startswith("mount tmpfs on") and "size=268435456" in step for step in steps)


def test_programs_get_all_of_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(explained(capsys, "unit/host[opt=O2]", "--json"))
    assert found["env"] == {"LANG": "C.UTF-8", "WRITTEN": "***"}
    assert found["secrets"] == {"FARMTEST_TOKEN": "***"}
    assert found["limits"]["memory_bytes"] == 256 << 20
    assert found["because"][0] == {"what": "the job unit", "where": "matrix.yaml:7:3"}
    assert found["places"]["resources.cpus"] == "matrix.yaml:20:48"
    assert found["mounts"] == [{"source": str(folder), "target": "/src", "mode": "overlay"}]
    assert "plan" not in found


def test_B17_no_value_of_a_secret_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["unit/host[opt=O2]"], ["unit/host[opt=O2]", "--json"]):
        assert "hunter22" not in explained(capsys, *arguments)


def test_B17_a_secret_of_several_lines_and_with_quotes_is_hidden_wherever_it_stands() -> None:
    environment = {"T": 'first "line"\nsecond', "S": "1"}
    script = 'echo first "line"\necho second 1'
    job = Job(
        "u/d", "u", "d", (), ("sh", "-c", script), script, env=(("A", 'first "line"\nsecond'),), secrets=("T", "S"),
        services=(Service("db", "d", ("x",), "serve second"),),
    )  # fmt: skip
    found = without_secrets(job, environment)
    assert found.script == "echo ***\necho *** 1"  # one of a letter would be everywhere
    assert found.argv[-1] == found.script
    assert found.env == (("A", "***"),)
    assert found.services[0].script == "serve ***"
    assert without_secrets(job, {}) == job


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ("unit", "'unit' may be any of 3 jobs"),
        ("unit/hots[opt=O0]", "did you mean unit/host[opt=O0]"),
        ("x", "farm list"),
    ],
)
def test_a_job_that_is_not_one_is_four(wanted: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert status(["explain", wanted]) == 4
    assert said in capsys.readouterr().err


def test_why_a_job_is_skipped(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "other.yaml").write_text("version: 1\ndistros: [host]\njobs: {unit: {run: x, if: false}}\n")
    assert "  skipped: its if is false: false\n" in explained(capsys, "unit/host", "-f", "other.yaml")


def test_services_are_told_with_what_makes_them_well(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "other.yaml").write_text(
        "version: 1\ndistros: [host]\njobs:\n  unit:\n    run: x\n"
        "    services: {db: {distro: host, run: serve, healthcheck: {run: check, interval: 500ms}}}\n"
    )
    said = explained(capsys, "unit/host", "-f", "other.yaml")
    assert "service db on host  other.yaml:6:5\n    serve\n" in said
    assert "  well when this exits with 0, tried every 0.5 s, 30 times at most\n    check\n" in said


def test_facts_of_an_image_in_the_store_are_filled_in_and_what_it_lacks_is_told(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    jobs = '{here: {run: "on {{ distro.id }}"}, lacking: {run: "{{ distro.install }} make"}}'
    (folder / "root.tar").write_bytes(b"")
    (folder / "matrix.yaml").write_text(f"version: 1\ndistros: [{{name: a, rootfs: root.tar}}]\njobs: {jobs}\n")
    assert "on {{ distro.id }}" in explained(capsys, "here/a")
    where = Path(Store(str(folder / "home")).rootfs_dir, "1" * 64)
    where.mkdir(parents=True)
    image = Image("1" * 64, str(folder / "root.tar"), (Overlay("/", (str(where / "rootfs"),)),), Facts(id="alpine"))
    (where / "image.json").write_bytes(encode(image, Details(0.0), str(where)))
    said = explained(capsys, "here/a")
    assert "    on alpine\n" in said
    assert "braces" not in said
    said = explained(capsys, "lacking/a")
    assert "{{ distro.install }} make" in said
    assert "the image of a lacks what lacking asks of it: " in said
