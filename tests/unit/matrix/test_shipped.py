"""What comes with the farm is the last to be asked, and the first to be left alone."""

from __future__ import annotations

import os

import pytest

from farm.matrix.load import load
from farm.matrix.problems import MatrixError
from farm.matrix.shipped import SHIPPED

JOBS = "jobs: {unit: {run: 'true'}}\n"


@pytest.fixture
def loaded(tmp_path):
    """Load a matrix of these distros; ``shipped`` is the text of the shipped ``x.yaml``."""

    def load_it(distros, shipped, *further):
        (tmp_path / "shipped").mkdir(exist_ok=True)
        (tmp_path / "shipped" / "x.yaml").write_text(shipped)
        (tmp_path / "matrix.yaml").write_text(f"version: 1\ndistros: [{distros}]\n{JOBS}")
        return load(str(tmp_path / "matrix.yaml"), further, shipped=str(tmp_path / "shipped")).distros

    return load_it


def test_a_folder_beside_the_matrix_and_those_of_the_environment_go_first(loaded, tmp_path):
    ours = "distros: [{name: x-1, rootfs: host, tags: [%s]}, {name: x-%s, rootfs: host}]\n"
    for folder in ("distros", "more"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.yaml").write_text(ours % (folder, folder))
    shipped = "distros: [{name: x-1, rootfs: host, tags: [shipped]}, {name: x-2, rootfs: host, tags: [shipped]}]\n"
    found = {each.name: each.tags for each in loaded("'x*'", shipped, str(tmp_path / "more"))}
    assert found == {"x-1": ("distros",), "x-2": ("shipped",), "x-distros": (), "x-more": ()}


def test_what_is_wrong_with_a_shipped_file_is_told_by_whoever_needs_it(loaded):
    assert [each.name for each in loaded("host", "no\n")] == ["host"]
    with pytest.raises(MatrixError, match=r"x\.yaml.*a file of distros is a mapping"):
        loaded("x-1", "no\n")


def test_a_catalogue_that_is_not_there_is_told_by_whoever_needs_it(tmp_path):
    (tmp_path / "m.yaml").write_text(f"version: 1\ndistros: [host]\n{JOBS}")
    assert load(str(tmp_path / "m.yaml"), shipped=str(tmp_path / "none")).distros
    (tmp_path / "m.yaml").write_text(f"version: 1\ndistros: [debian-12]\n{JOBS}")
    with pytest.raises(MatrixError, match="cannot read the catalogue that comes with the farm: No such file"):
        load(str(tmp_path / "m.yaml"), shipped=str(tmp_path / "none"))


def test_in_a_checkout_the_folder_beside_the_matrix_is_the_shipped_one_and_is_not_read_for_the_host(
    tmp_path, monkeypatch
):
    (tmp_path / "distros").symlink_to(SHIPPED)
    (tmp_path / "matrix.yaml").write_text(f"version: 1\ndistros: [host]\n{JOBS}")
    for module in ("catalogue", "shipped"):
        monkeypatch.setattr(f"farm.matrix.{module}.read_definitions", lambda path, problems: pytest.fail(path))
    assert [each.name for each in load(str(tmp_path / "matrix.yaml")).distros] == ["host"]


def test_an_unknown_name_is_answered_with_the_nearest_or_with_how_to_see_them_all(tmp_path):
    (tmp_path / "m.yaml").write_text(f"version: 1\ndistros: [debian12, windows-nt, 'win*']\n{JOBS}")
    with pytest.raises(MatrixError) as caught:
        load(str(tmp_path / "m.yaml"))
    said = [each.remedy for each in caught.value.problems]
    assert said == ["did you mean 'debian-12'?", *["farm image ls --available shows what there is"] * 2]


def test_the_package_holds_what_lies_at_the_top_of_the_source():
    top = os.path.join(os.path.dirname(os.path.dirname(SHIPPED)), "distros")
    assert "debian.yaml" in os.listdir(SHIPPED)
    if os.path.isdir(top):
        assert os.path.samefile(top, SHIPPED)
