"""``prepare``: what of a cell it depends on, and its script once the image's facts are known."""

from __future__ import annotations

from dataclasses import replace

import pytest

from farm.matrix.expand import expand
from farm.matrix.load import load
from farm.matrix.prepare import PrepareError, script
from farm.model.build import Bind, Network
from farm.model.distro import Distro, Facts, Source, SourceKind
from farm.model.job import ImageKey, Job, Prepare
from farm.model.limits import Limits

DEBIAN = Facts(id="debian", version="13", family="debian", package_manager="apt", install="apt-get install -y")
ALPINE = Facts(id="alpine", family="alpine", package_manager="apk", install="apk add", libc="musl")
NOTHING = Facts()
DISTRO = Distro("d", (Source(SourceKind.HOST),), ("old",))


@pytest.fixture
def jobs(tmp_path):
    def reader(text: str, distros: str = "host") -> tuple[Job, ...]:
        path = tmp_path / "matrix.yaml"
        path.write_text(f"version: 1\ndistros: [{distros}]\n{text}", encoding="utf-8")
        return expand(load(str(path)))

    return reader


def made(template: str, facts: Facts, **fields: object) -> str:
    return script(Prepare(template, ("sh", "-e"), **fields), DISTRO, facts)  # type: ignore[arg-type]


def test_a_text_is_short_for_run_with_the_documented_defaults(jobs, tmp_path) -> None:
    short, long = jobs("jobs: {a: {run: x, prepare: make}, b: {run: x, prepare: {run: make}}}\n")
    assert short.prepare == long.prepare == Prepare("make", ("sh", "-e"), timeout_s=1800.0, network=Network.NONE)
    assert short.image_key == long.image_key
    assert short.prepare is not None
    assert short.prepare.where == f"{tmp_path}/matrix.yaml:3:29"


def test_every_key_reaches_the_job(jobs, tmp_path) -> None:
    (tmp_path / "file").write_text("")
    (job,) = jobs(
        "defaults: {resources: {cpus: 3, memory: 2G}, timeout: 1m}\n"
        "jobs:\n  unit:\n    run: x\n    prepare:\n      run: make\n      shell: bash -eu\n      network: host\n"
        "      env: {B: b, A: '{{ env.B }}'}\n      timeout: 5m\n      resources: {cpus: 2, pids: 9}\n"
        "      mounts: [{source: ., target: //src/./x/}, {source: file, target: /f}]\n"
    )
    binds = (Bind(str(tmp_path), "/src/x"), Bind(str(tmp_path / "file"), "/f"))
    env, limits = (("A", "b"), ("B", "b")), Limits(cpus=2, pids=9)
    assert job.prepare == Prepare("make", ("bash", "-eu"), (), env, Network.HOST, binds, 300.0, limits)
    assert job.limits.cpus == 3


def test_the_shell_is_the_jobs_and_a_prepare_of_its_own_replaces_that_of_the_defaults_whole(jobs) -> None:
    one, two, three = (
        each.prepare
        for each in jobs(
            "defaults: {shell: ash, prepare: {run: make, network: host, env: {A: a}}}\n"
            "jobs:\n  one: {run: x}\n  two: {run: x, shell: bash}\n  three: {run: x, prepare: gcc}\n"
        )
    )
    assert one == Prepare("make", ("ash",), env=(("A", "a"),), network=Network.HOST)
    assert two == replace(one, shell=("bash",))
    assert three == Prepare("gcc", ("ash",))


def test_its_variables_are_the_files_and_the_defaults_but_not_the_jobs(jobs) -> None:
    one, two = jobs(
        "env: {A: file, B: file}\ndefaults: {env: {B: defaults}, prepare: {run: x, env: {C: '{{ env.B }}'}}}\n"
        "jobs: {one: {run: x, env: {CFLAGS: -O0, A: own}}, two: {run: x, env: {CFLAGS: -O2}}}\n"
    )
    assert one.prepare is not None
    assert one.prepare.env == (("A", "file"), ("B", "defaults"), ("C", "defaults"))
    assert one.image_key == two.image_key
    assert dict(one.env)["A"] == "own"


AXES = "strategy: {matrix: {opt: [O0, O2], cc: [gcc, clang]}}"


@pytest.mark.parametrize(
    ("prepare", "images"),
    [
        ("make", 1),
        ("'{{ distro.install }} {{ matrix.cc }}'", 2),
        ("\"{{ matrix['cc'] ~ 'x' }}\"", 2),
        ("'{{ matrix.cc }} {{ matrix.opt }}'", 4),
        ("'{% set m = matrix %}{{ m.cc }}'", 4),
        ("\"{{ matrix.get('cc') }}\"", 4),
        ("'{% for name, value in matrix.items() %}{{ value }}{% endfor %}'", 4),
        ("{run: make, env: {CC: '{{ matrix.cc }}'}}", 2),
        ("{run: 'echo {{ matrix.opt }}', env: {CC: '{{ matrix.cc }}'}}", 4),
        ("\"{{ matrix.nothing | default('x') }}\"", 1),
    ],
)
def test_only_axes_that_are_named_make_an_image_of_their_own(jobs, prepare: str, images: int) -> None:
    found = jobs(f"jobs:\n  unit:\n    run: x\n    prepare: {prepare}\n    {AXES}\n")
    assert len(found) == 4
    assert len({job.image_key for job in found}) == images
    assert len({id(job.prepare) for job in found}) == images
    for job in found:
        assert job.prepare is not None
        script(job.prepare, DISTRO, DEBIAN)


def test_the_jobs_name_makes_an_image_of_its_own_only_where_it_is_used(jobs) -> None:
    one, two = jobs("defaults: {prepare: 'echo {{ job.name }}'}\njobs: {one: {run: x}, two: {run: x}}\n")
    assert one.prepare is not None
    assert two.prepare is not None
    assert [script(each, DISTRO, DEBIAN) for each in (one.prepare, two.prepare)] == ["echo one", "echo two"]


def test_distros_are_images_of_their_own(jobs) -> None:
    found = jobs("jobs: {unit: {run: x, prepare: make}}\n", "{name: a, rootfs: host}, {name: b, rootfs: host}")
    assert [job.image_key for job in found] == [ImageKey("a", found[0].prepare), ImageKey("b", found[0].prepare)]


def test_a_template_may_name_every_fact_of_the_image() -> None:
    facts = Facts(*(f"<{name}>" for name in Facts.__slots__))
    text = " ".join(f"{{{{ distro.{name} }}}}" for name in ("name", *Facts.__slots__))
    assert made(text, facts) == "d " + " ".join(f"<{name}>" for name in Facts.__slots__)
    assert made("{{ distro.tags | join(',') }}", facts) == "old"
    assert made("{{ matrix.a }} {{ env.B }}", facts, axes=(("a", "1"),), env=(("B", "2"),)) == "1 2"


INSTALL = "{{ distro.install }} make {{ 'libc6-dev' if distro.libc == 'glibc' else 'musl-dev' }}"


def test_one_text_serves_several_package_managers() -> None:
    assert made(INSTALL, replace(DEBIAN, libc="glibc")) == "apt-get install -y make libc6-dev"
    assert made(INSTALL, ALPINE) == "apk add make musl-dev"


def test_an_image_without_a_package_manager_runs_no_command_without_its_beginning() -> None:
    prepare = Prepare(f"true\n{INSTALL}", ("sh", "-e"), where="m.yaml:7:9")
    with pytest.raises(PrepareError) as caught:
        script(prepare, DISTRO, NOTHING)
    assert str(caught.value).split("\n") == [
        "there is no script for d",
        "m.yaml:7:9, line 2 of its text: distro.install is empty: this image has no package manager that farm knows",
        "leave the distro out, or test the fact with {% if ... %}",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "{{ distro.version }}",
        "{{ 'v' ~ distro.version }}",
        "{{ distro.version | upper }}",
        "{{ distro.version | int }}",
        "{{ distro.version.split('.')[0] }}",
        "{% set v = distro.version %}{{ v }}",
        "{% for c in distro.version %}{{ c }}{% endfor %}",
    ],
)
def test_an_untold_fact_is_an_error_where_it_is_used(text: str) -> None:
    with pytest.raises(PrepareError, match=r"distro\.version is empty: this image does not tell it"):
        made(text, NOTHING)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("{% if distro.install %}yes{% else %}no{% endif %}", "no"),
        ("{% if not distro.install %}no{% endif %}", "no"),
        ("{% if distro.family == 'debian' %}yes{% else %}no{% endif %}", "no"),
        ("{% if 'debian' != distro.family %}other{% endif %}", "other"),
        ("{% if distro.family == '' %}none{% endif %}", "none"),
        ("{% if distro.family in ['debian', 'suse'] %}yes{% else %}no{% endif %}", "no"),
        ("{% if distro.install is defined %}yes{% else %}no{% endif %}", "no"),
        ("{{ distro.install | default('true') }} make", "true make"),
        ("{{ distro.install or 'true' }} make", "true make"),
    ],
)
def test_an_untold_fact_is_an_empty_text_where_it_is_tested(text: str, wanted: str) -> None:
    assert made(text, NOTHING) == wanted


def test_what_only_some_image_shows_is_an_error_with_its_place() -> None:
    with pytest.raises(PrepareError, match=r"m\.yaml:3:1: 'opt' is not defined here; there are none"):
        made("{% if distro.family == 'alpine' %}{{ matrix.opt }}{% endif %}", ALPINE, where="m.yaml:3:1")
