"""Right matrix files, and what is read from them."""

from __future__ import annotations

import pytest

from farm.matrix.document import Matrix
from farm.matrix.expand import expand
from farm.matrix.load import load
from farm.model.distro import Source, SourceKind
from farm.model.job import Job
from farm.model.limits import Limits

HEAD = "version: 1\ndistros: [host]\n"


@pytest.fixture
def read(tmp_path):
    def reader(text: str, *catalogue: str) -> Matrix:
        path = tmp_path / "matrix.yaml"
        path.write_text(text, encoding="utf-8")
        return load(str(path), catalogue, shipped="")

    return reader


def test_a_small_file_gets_the_documented_defaults(read, tmp_path) -> None:
    matrix = read(HEAD + "jobs: {unit: {run: make}}\n")
    assert (matrix.name, [distro.name for distro in matrix.distros]) == ("matrix", ["host"])
    assert expand(matrix) == (
        Job(
            id="unit/host",
            test="unit",
            distro="host",
            axes=(),
            argv=("sh", "-e", "-c", "make"),
            script="make",
            shell=("sh", "-e"),
            timeout_s=600.0,
            limits=Limits(),
            skip_exit_code=77,
            where=f"{tmp_path}/matrix.yaml:3:8",
        ),
    )


def test_every_key_reaches_the_job(read) -> None:
    (job,) = expand(
        read(
            "version: 1\nname: all keys\ndistros: [{name: own, rootfs: host, tags: [a]}]\n"
            "jobs:\n  unit:\n    summary: on {{ distro.name }}\n    run: echo {{ matrix.x }}\n    shell: bash -eu -o pipefail\n"
            "    env: {X: '{{ matrix.x }}'}\n    timeout: 1m30s\n    tags: [b, c, b]\n    skip-exit-code: 9\n"
            "    resources: {cpus: 0.5, memory: 1G, pids: 7, disk: 2G, io-weight: 50, swap: 4M}\n"
            "    no-new-privs: false\n    cap-add: [cap_net_raw, MKNOD]\n    distros: [o*]\n    strategy: {matrix: {x: [1]}}\n"
        )
    )
    assert job.argv == ("bash", "-eu", "-o", "pipefail", "-c", "echo 1")
    assert (job.id, job.distro, job.axes) == ("unit/own[x=1]", "own", (("x", "1"),))
    assert job.limits == Limits(0.5, 1 << 30, 7, 4 << 20, 2 << 30, 50)
    assert (job.env, job.timeout_s, job.tags, job.skip_exit_code) == ((("X", "1"),), 90.0, ("b", "c"), 9)
    assert (job.no_new_privs, job.cap_add, job.summary) == (False, ("NET_RAW", "MKNOD"), "on own")


def test_a_job_goes_before_the_defaults_key_by_key(read) -> None:
    one, two = expand(
        read(
            HEAD + "defaults: {timeout: 5, shell: bash, resources: {cpus: 2, pids: 9}, env: {A: d, B: d}}\n"
            "env: {A: f, C: f}\n"
            "jobs:\n  one: {run: x}\n  two: {run: x, timeout: 6, shell: ash -x, resources: {pids: 8, swap: 0}, env: {B: j}}\n"
        )
    )
    assert (one.timeout_s, one.argv[:-2], one.limits.cpus, one.limits.pids) == (5, ("bash",), 2, 9)
    assert one.env == (("A", "d"), ("B", "d"), ("C", "f"))
    assert (two.timeout_s, two.argv[:-2], two.limits.cpus, two.limits.pids) == (6, ("ash", "-x"), 2, 8)
    assert two.env == (("A", "d"), ("B", "j"), ("C", "f"))


def test_variables_may_use_those_before_them(read) -> None:
    (job,) = expand(
        read(HEAD + "env: {A: a, B: '{{ env.A }}b'}\njobs: {unit: {run: '{{ env.A }}', env: {A: '{{ env.B }}c'}}}\n")
    )
    assert (job.env, job.script) == ((("A", "abc"), ("B", "ab")), "abc")


@pytest.mark.parametrize(
    "written", ["3.10", "no", "010", "1_000", "0x1f", "2024-01-31", "1:30", "~", "null", "1e3", ".5", "on"]
)
def test_D04_values_of_axes_and_variables_are_text_as_written(read, written: str) -> None:
    (job,) = expand(
        read(
            HEAD + f"env: {{E: {written}}}\n"
            f"jobs: {{unit: {{run: '{{{{ matrix.a }}}}', strategy: {{matrix: {{a: [{written}]}}}}}}}}\n"
        )
    )
    assert (job.axes, job.env, job.script) == ((("a", written),), (("E", written),), written)


def test_D04_anchors_aliases_and_merges_within_bounds(read) -> None:
    one, two = expand(
        read(
            HEAD + "jobs:\n  one: &one {run: x, timeout: 5, env: &env {A: 1}}\n"
            "  two: {<<: *one, timeout: 6, env: {<<: [*env, {B: 2}], C: 3}}\n"
        )
    )
    assert (one.timeout_s, two.timeout_s, two.script) == (5, 6, "x")
    assert two.env == (("A", "1"), ("B", "2"), ("C", "3"))


def test_a_byte_order_mark_and_foreign_line_ends_are_read(read) -> None:
    (job,) = expand(read("\ufeff" + (HEAD + "jobs: {unit: {run: x}}\n").replace("\n", "\r\n")))
    assert job.where.endswith(":3:8")


def test_files_of_distros_beside_the_matrix_and_elsewhere(read, tmp_path) -> None:
    for folder, rootfs in (("distros", "a.tar.xz"), ("more", "b")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.yaml").write_text(
            f"distros:\n- {{name: x-1, rootfs: {rootfs}, tags: [{folder}]}}\n- {{name: only-{folder}, rootfs: {rootfs}}}\n"
        )
    (tmp_path / "distros" / "a.tar.xz").write_bytes(b"")
    (tmp_path / "more" / "b").mkdir()
    matrix = read("version: 1\ndistros: ['*']\njobs: {unit: {run: x}}\n", str(tmp_path / "more"))
    found = {distro.name: (distro.sources[0], distro.tags) for distro in matrix.distros}
    tarball = Source(SourceKind.TARBALL, str(tmp_path / "distros" / "a.tar.xz"))
    assert found == {
        "host": (Source(SourceKind.HOST), ("host",)),
        "only-distros": (tarball, ()),
        "only-more": (Source(SourceKind.DIRECTORY, str(tmp_path / "more" / "b")), ()),
        "x-1": (tarball, ("distros",)),
    }


def test_paths_are_relative_to_the_file_and_digests_are_kept(read, tmp_path) -> None:
    (tmp_path / "u.tgz").write_bytes(b"")
    matrix = read(
        f"version: 1\ndistros: [{{name: u, rootfs: ./u.tgz, sha256: {'AB' * 32}}}]\njobs: {{unit: {{run: x}}}}\n"
    )
    assert matrix.distros[0].sources == (Source(SourceKind.TARBALL, str(tmp_path / "u.tgz"), "ab" * 32),)
    assert matrix.distros[0].where == f"{tmp_path}/matrix.yaml:2:11"


def test_a_distro_is_used_once_and_in_the_order_of_the_file(read) -> None:
    matrix = read(
        "version: 1\ndistros: [{name: z, rootfs: host}, h*, host, z]\njobs: {unit: {run: x, distros: [host, z]}}\n"
    )
    assert [job.distro for job in expand(matrix)] == ["z", "host"]
