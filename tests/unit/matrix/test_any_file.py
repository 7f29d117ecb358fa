"""Whatever stands in a file, it is read or refused with a place; what is read makes sense, and is right by the schema too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from farm.matrix.document import Matrix
from farm.matrix.expand import expand
from farm.matrix.json_schema import json_schema
from farm.matrix.late import Completion, LateError
from farm.matrix.load import load
from farm.matrix.problems import MatrixError
from farm.model.distro import Facts, Image
from farm.model.job import Job

VALIDATOR = jsonschema.Draft202012Validator(json_schema())
IMAGES = (
    Image("d" * 64, "x", (), Facts(id="debian", libc="glibc", install="apt-get install -y", version="12")),
    Image("e" * 64, "x", (), Facts()),
)

TEXTS = st.sampled_from(
    ["/plain"] * 12 + ["{{ distro.install }} make", "{{ distro.id }}", "{{ env.LATE | default(distro.libc) }}"] * 2 +
    ["x", "y", "/abs", "/x/{{ distro.name }}", "echo {{ matrix.a | default('') }}", "{{ distro.install }} make", "{{ env.A }}",
     "{{ env.LATE }}", "{{ nope }}", "{{", "{{ job.shard }}/{{ job.shards }}", "../up", "é", "a b", "\u2028",
     "{% for x in distro.tags %}{{ x }}{% endfor %}"]
)  # fmt: skip
ODD = st.sampled_from([None, True, 0, -1, 3.5, "", "x", [], {}, [None], {"run": "x"}, "10m", "1G", "none", "host"])
NOW_AND_THEN = st.sampled_from([False] * 40 + [True])
GOOD: dict[str, st.SearchStrategy[Any]] = {
    "run": TEXTS,
    "summary": TEXTS,
    "if": st.sampled_from([True, "matrix.a == '1'", "distro.libc == 'glibc'", "env.LATE == 'debian'", "distro.name"]),
    "needs": st.sampled_from(["one", ["two"], [{"job": "one", "distro": "own"}], [{"job": "three", "a": "1"}], []]),
    "shards": st.integers(1, 3),
    "shell": st.sampled_from(["sh -e", "bash", "env A=b sh"]),
    "env": st.dictionaries(st.sampled_from(["A", "B", "LATE"]), TEXTS, max_size=3),
    "secrets": st.lists(st.sampled_from(["TOKEN", "A", "a b"]), max_size=2),
    "timeout": st.sampled_from(["1m", 5, "1h30m"]),
    "idle-timeout": st.sampled_from(["1m", 0]),
    "resources": st.fixed_dictionaries(
        {},
        optional={
            "cpus": st.sampled_from([1, 0.5]),
            "memory": st.sampled_from(["1G", 1 << 20]),
            "io-weight": st.just(5),
        },
    ),
    "prepare": st.one_of(
        TEXTS, st.fixed_dictionaries({"run": TEXTS}, optional={"network": st.sampled_from(["host", "x"])})
    ),
    "mounts": st.lists(
        st.fixed_dictionaries(
            {
                "source": st.sampled_from([".", "none", "{{ distro.name }}"]),
                "target": st.sampled_from(["/src", "x", "/proc"]),
            },
            optional={"mode": st.sampled_from(["ro", "overlay", "x"])},
        ),
        max_size=2,
    ),
    "user": st.sampled_from(["nobody", 0, "1:2", "{{ matrix.a | default(0) }}"]),
    "working-directory": st.sampled_from(["/", "/x/{{ job.name }}", "x"]),
    "hostname": st.sampled_from(["here", "{{ distro.name }}", "a b"]),
    "network": st.sampled_from(["none", "isolated", "host"]),
    "privileged": st.booleans(),
    "cap-add": st.lists(st.sampled_from(["NET_RAW", "cap_mknod"]), max_size=2),
    "no-new-privs": st.booleans(),
    "init": st.sampled_from(["farm", "none"]),
    "always": TEXTS,
    "debug": TEXTS,
    "expect": st.sampled_from(["pass", "fail", "any"]),
    "skip-exit-code": st.integers(1, 255),
    "retries": st.sampled_from([0, 2, {"max": 1, "when": ["oom"]}, {"max": 1, "exit-codes": 3}, {"when": "oom"}, 1000]),
    "artifacts": st.sampled_from(
        ["out/**", ["/a", "b"], {"paths": ["x"], "when": "on-success", "max-size": "2M"}, "../x", []]
    ),
    "services": st.sampled_from(
        [
            {},
            {"db": {"distro": "host", "run": "serve {{ env.A }}"}},
            {"db": {"distro": "x", "run": "y"}},
            {"D B": {"run": "y"}},
        ]
    ),
    "tags": st.lists(st.sampled_from(["a", "b"]), max_size=2),
    "priority": st.integers(-1000, 1000),
    "concurrency": st.one_of(TEXTS, st.fixed_dictionaries({"group": TEXTS})),
}


def some(*without: str, most: int = 4) -> st.SearchStrategy[dict[str, Any]]:
    """A few keys with values that they take, or nearly; now and then one with anything."""
    keys = [key for key in GOOD if key not in without]

    def filled(chosen: list[str]) -> st.SearchStrategy[dict[str, Any]]:
        return st.fixed_dictionaries(
            {key: NOW_AND_THEN.flatmap(lambda odd, k=key: ODD if odd else GOOD[k]) for key in chosen}
        )

    return st.lists(st.sampled_from(keys), max_size=most, unique=True).flatmap(filled)


CELLS = st.fixed_dictionaries(
    {}, optional={"a": st.sampled_from(["1", "2", "9"]), "distro": st.sampled_from(["own", "h*"])}
)
MATRICES = st.builds(
    lambda axes, exclude, include, odd: {**axes, "exclude": exclude, "include": include, **odd},
    st.sampled_from([{"a": ["1", 2]}, {"a": ["1"], "b": ["x y", "é"]}]),
    st.lists(
        st.sampled_from([{"a": "1", "distro": "own"}, {"distro": "alpine-*"}, {"a": "1"}, {"c": "1"}]), max_size=1
    ),
    st.lists(st.builds(lambda cell, said: {**said, **cell}, CELLS, some(most=2)), max_size=2),
    NOW_AND_THEN.flatmap(lambda odd: st.just({"a": ["1", "1"]}) if odd else st.just({})),
)
JOBS = st.builds(
    lambda said, matrix: {"run": "x", **said, **({"strategy": {"matrix": matrix}} if matrix else {})},
    some(),
    st.one_of(st.none(), MATRICES),
)
FILES = st.fixed_dictionaries(
    {
        "version": st.just(1),
        "distros": st.just(["host", {"name": "own", "rootfs": "host", "tags": ["mine"]}]),
        "jobs": st.dictionaries(st.sampled_from(["one", "two", "three"]), JOBS, min_size=1),
    },
    optional={
        "env": st.dictionaries(
            st.sampled_from(["A", "LATE"]), st.sampled_from(["x", "{{ distro.family }}", 1]), max_size=2
        ),
        "defaults": some("run", "summary", "if", "needs", "shards"),
    },
)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("any")
    (folder / "host").mkdir()
    return folder / "matrix.yaml"


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(FILES)
def test_a_file_is_right_or_refused_with_a_place(path: Path, file: dict[str, Any]) -> None:
    path.write_text(yaml.safe_dump(file, sort_keys=False, allow_unicode=True), encoding="utf-8")
    matrix = _read(path)
    if isinstance(matrix, MatrixError):
        assert matrix.problems
        assert all(problem.line > 0 and problem.message for problem in matrix.problems)
        return
    jobs = expand(matrix)
    assert list(VALIDATOR.iter_errors(file)) == []
    _make_sense(jobs)
    completion = Completion(matrix)
    for job in jobs:
        for image in IMAGES:
            whole = _completed(completion, job, image)
            if isinstance(whole, LateError):
                assert job.late
                assert str(path) in whole.detail
            else:
                assert whole if isinstance(whole, str) else not whole.late


def _read(path: Path) -> Matrix | MatrixError:
    try:
        matrix = load(str(path), shipped="")
        expand(matrix)
    except MatrixError as error:
        return error
    return matrix


def _completed(completion: Completion, job: Job, image: Image) -> Job | str | LateError:
    try:
        return completion.complete(job, image)
    except LateError as error:
        return error


def _make_sense(jobs: tuple[Job, ...]) -> None:
    ids = [job.id for job in jobs]
    assert len(set(ids)) == len(ids)
    for job in jobs:
        assert set(job.needs) <= set(ids) - {job.id}
        assert job.argv[-1] == job.script
        assert job.working_directory.startswith("/")
        assert all(each.target.startswith("/") and each.source.startswith("/") for each in job.mounts)
        assert all(path.startswith("/") for path in (job.artifacts.paths if job.artifacts else ()))
        assert list(job.env) == sorted(job.env)
        assert not {name for name, _ in job.env} & set(job.secrets)
        assert job.late or "{{" not in job.script
    skipped = {job.id for job in jobs if job.condition and not job.late}
    assert all(job.id in skipped for job in jobs if set(job.needs) & skipped)
