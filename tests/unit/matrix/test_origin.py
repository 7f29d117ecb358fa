"""Sources of a distro in their order of preference."""

from __future__ import annotations

import pytest

from farm.matrix.load import load
from farm.model.distro import Source, SourceKind
from farm.model.recipe import Recipe

SHA256 = "ab" * 32
DEBIAN = Recipe("apt", "12", ("http://deb.example/debian",), ("main",), "debian-archive-keyring", ("vim", "libc6:i386"))


@pytest.fixture
def distro(tmp_path):
    """Read the one distro of a matrix file, defined by ``text``."""

    def read(text):
        path = tmp_path / "matrix.yaml"
        path.write_text(f"version: 1\ndistros:\n  - {text}\njobs: {{unit: {{run: 'true'}}}}\n")
        (found,) = load(str(path)).distros
        return found

    return read


def test_every_kind_of_source_is_read_in_order(distro, tmp_path):
    (tmp_path / "tree").mkdir()
    (tmp_path / "a.tar").write_bytes(b"")
    recipe = (
        "manager: apt, release: 12, repositories: ['http://deb.example/debian'], packages: [vim, 'libc6:i386'],"
        " keyring: debian-archive-keyring"
    )
    found = distro(
        f"{{name: a, arch: x86_64, eol: 2028-06-30, tags: [t], sources: [oci://host/x:1,"
        f" {{rootfs: http://host/a.tar, sha256: {SHA256}}}, {{bootstrap: {{{recipe}}}}}, tree,"
        f" {{rootfs: a.tar, sha256: {SHA256}}}, host]}}"
    )
    assert found.sources == (
        Source(SourceKind.REGISTRY, "oci://host/x:1", arch="x86_64"),
        Source(SourceKind.URL, "http://host/a.tar", SHA256),
        Source(SourceKind.BOOTSTRAP, "bootstrap of 12 from http://deb.example/debian", recipe=DEBIAN, arch="x86_64"),
        Source(SourceKind.DIRECTORY, str(tmp_path / "tree")),
        Source(SourceKind.TARBALL, str(tmp_path / "a.tar"), SHA256),
        Source(SourceKind.HOST),
    )
    assert (found.arch, found.eol, found.tags) == (("x86_64",), "2028-06-30", ("t",))


def test_a_path_may_lead_to_nothing_where_another_source_may_serve(distro, tmp_path):
    found = distro("{name: a, sources: [none.tar, oci://host/x]}")
    assert found.sources == (
        Source(SourceKind.TARBALL, str(tmp_path / "none.tar")),
        Source(SourceKind.REGISTRY, "oci://host/x"),
    )


@pytest.mark.parametrize("written", ["9", "15.6", "3.10", "'42'", "bookworm", "2023"])
def test_a_release_is_what_is_written(distro, written):
    recipe = f"manager: dnf, release: {written}, repositories: ['https://host/os'], packages: [bash]"
    found = distro(f"{{name: a, sources: [{{bootstrap: {{{recipe}}}}}]}}")
    assert found.sources[0].recipe == Recipe("dnf", written.strip("'"), ("https://host/os",), packages=("bash",))


def test_a_repository_of_this_machine_needs_no_keyring(distro):
    found = distro(
        "{name: a, sources: [{bootstrap: {manager: apt, release: sid, repositories: ['http://127.0.0.1:80/x']}}]}"
    )
    assert found.sources[0].recipe.components == ("main",)
