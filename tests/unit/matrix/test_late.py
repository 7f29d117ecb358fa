"""Jobs whose texts name facts of an image: whole once the image is there, skipped, or an error with its line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from farm.matrix.document import Matrix
from farm.matrix.expand import expand
from farm.matrix.late import Completion, LateError
from farm.matrix.load import load
from farm.model.distro import Facts, Image
from farm.model.job import Job

DEBIAN = Image(
    "d" * 64, "x", (), Facts(id="debian", family="debian", version="13.1", libc="glibc", install="apt-get install -y")
)
ALPINE = Image("a" * 64, "x", (), Facts(id="alpine", libc="musl"))

Read = Callable[[str], tuple[Matrix, tuple[Job, ...]]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def reader(text: str) -> tuple[Matrix, tuple[Job, ...]]:
        path = tmp_path / "matrix.yaml"
        path.write_text(f"version: 1\ndistros: [host, {{name: own, rootfs: host, tags: [mine]}}]\n{text}")
        matrix = load(str(path), shipped="")
        return matrix, expand(matrix)

    return reader


def whole(found: Job | str) -> Job:
    assert isinstance(found, Job)
    assert not found.late
    return found


def test_every_text_is_rendered_with_the_facts(read: Read) -> None:
    matrix, jobs = read(
        "env: {FAMILY: '{{ distro.family }}', BOTH: '{{ env.FAMILY }}-{{ matrix.cc | default(0) }}'}\n"
        "jobs:\n  unit:\n    run: '{{ distro.install }} {{ matrix.cc }} {{ env.BOTH }}'\n    shell: bash\n"
        "    always: echo {{ env.FAMILY }}\n    debug: echo {{ distro.version.split('.')[0] }}\n    timeout: 5s\n"
        "    if: distro.libc == 'glibc' and env.FAMILY == 'debian'\n    strategy: {matrix: {cc: [gcc]}}\n    needs: [other]\n"
        "    prepare: '{{ distro.install }} make'\n    shards: 2\n"
        "    services: {db: {distro: own, run: 'serve {{ distro.id }}', env: {A: '{{ env.FAMILY }}'},"
        " healthcheck: 'check {{ distro.id }}'}}\n"
        "  other: {run: x}\n"
    )
    late = jobs[0]
    assert late.late
    assert late.condition == "distro.libc == 'glibc' and env.FAMILY == 'debian'"
    job = whole(Completion(matrix).complete(late, DEBIAN))
    assert job.script == "apt-get install -y gcc debian-gcc"
    assert job.argv == ("bash", "-c", job.script)
    assert job.env == (("BOTH", "debian-gcc"), ("FAMILY", "debian"))
    assert (job.always, job.debug, job.condition) == ("echo debian", "echo 13", "")
    (service,) = job.services
    assert (service.script, service.env) == ("serve debian", (("A", "debian"),))
    assert service.healthcheck is not None
    assert service.healthcheck.argv[-1] == "check debian"
    same = ("id", "prepare", "needs", "timeout_s", "shard", "tags", "where", "axes", "test", "distro", "limits")
    assert [getattr(job, name) for name in same] == [getattr(late, name) for name in same]


def test_a_false_if_is_the_reason(read: Read) -> None:
    matrix, jobs = read("jobs: {unit: {run: x, if: distro.libc == 'glibc'}}\n")
    completion = Completion(matrix)
    assert completion.complete(jobs[0], ALPINE) == "its if is false: distro.libc == 'glibc'"
    assert whole(completion.complete(jobs[0], DEBIAN)).script == "x"
    assert completion.complete(jobs[0], ALPINE) == "its if is false: distro.libc == 'glibc'"


def test_an_if_that_was_decided_is_not_asked_again(read: Read) -> None:
    matrix, jobs = read("jobs: {unit: {run: '{{ distro.id }}', if: distro.name == 'own'}}\n")
    skipped, job = jobs
    assert (skipped.late, skipped.condition) == (False, "its if is false: distro.name == 'own'")
    assert Completion(matrix).complete(skipped, DEBIAN) == skipped.condition
    assert (job.late, job.condition) == (True, "")
    assert whole(Completion(matrix).complete(job, DEBIAN)).script == "debian"


def test_one_that_is_whole_stays_as_it_is(read: Read) -> None:
    matrix, jobs = read("jobs: {unit: {run: 'x {{ distro.name }} {{ distro.tags | join }}'}}\n")
    assert [job.script for job in jobs] == ["x host host", "x own mine"]
    assert Completion(matrix).complete(jobs[1], ALPINE) is jobs[1]


def test_what_an_image_does_not_tell_is_an_error_with_its_line_and_all_of_them_at_once(
    read: Read, tmp_path: Path
) -> None:
    matrix, jobs = read(
        "jobs:\n  unit:\n    run: |\n      true\n      {{ distro.install }} make\n    debug: echo {{ distro.version }}\n"
    )
    with pytest.raises(LateError) as caught:
        Completion(matrix).complete(jobs[1], ALPINE)
    assert caught.value.brief == "the image of own lacks what unit asks of it"
    assert (
        f"{tmp_path}/matrix.yaml:7:10: distro.install is empty: this image has no package manager"
        in caught.value.detail
    )
    assert f"{tmp_path}/matrix.yaml:8:20: distro.version is empty: this image does not tell it" in caught.value.detail
    with pytest.raises(LateError):  # and again, for the next job of it
        Completion(matrix).complete(jobs[0], ALPINE)


def test_a_fact_that_is_not_told_may_be_tested(read: Read) -> None:
    matrix, jobs = read(
        "jobs: {unit: {run: '{% if distro.install %}{{ distro.install }}{% else %}none{% endif %}',"
        " if: distro.version == ''}}\n"
    )
    assert whole(Completion(matrix).complete(jobs[0], ALPINE)).script == "none"


def test_an_include_that_names_facts_is_late_where_it_applies(read: Read) -> None:
    matrix, jobs = read(
        "jobs: {unit: {run: x, strategy: {matrix: {o: [1, 2], include: [{o: 2, distro: own, run: '{{ distro.id }}'}]}}}}\n"
    )
    late = [job for job in jobs if job.late]
    assert [job.id for job in late] == ["unit/own[o=2]"]
    assert whole(Completion(matrix).complete(late[0], ALPINE)).script == "alpine"
    assert Completion(matrix).complete(jobs[0], ALPINE) is jobs[0]


def test_a_job_that_the_file_has_no_longer_is_an_error_of_that_job(read: Read) -> None:
    _, (old, _) = read("jobs: {unit: {run: '{{ distro.id }}'}}\n")
    matrix, _ = read("jobs: {other: {run: x}}\n")
    with pytest.raises(LateError, match="the matrix file no longer has the job unit"):
        Completion(matrix).complete(old, DEBIAN)


def test_a_false_if_skips_whatever_else_the_image_does_not_tell(read: Read) -> None:
    matrix, jobs = read(
        "env: {FAMILY: '{{ distro.family }}'}\n"
        "jobs:\n  a: {run: '{{ distro.install }} x', if: distro.libc == 'glibc'}\n  b: {run: x, if: env.FAMILY == 'debian'}\n"
    )
    completion = Completion(matrix)
    late = {job.test: job for job in jobs}
    assert completion.complete(late["a"], ALPINE) == "its if is false: distro.libc == 'glibc'"
    assert whole(completion.complete(late["a"], DEBIAN)).script == "apt-get install -y x"
    with pytest.raises(LateError, match="lacks what b asks of it"):  # what it asks is what is not told
        completion.complete(late["b"], ALPINE)
