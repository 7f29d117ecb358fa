"""The catalogue that comes with the farm: whole, and as it says of itself."""

from __future__ import annotations

import datetime
import os
from collections import Counter
from fnmatch import fnmatchcase

import pytest

from farm.matrix.catalogue import read_catalogue
from farm.matrix.definition import read_definitions
from farm.matrix.shipped import SHIPPED
from farm.model.distro import SourceKind
from farm.model.reference import registry_image

WRITTEN = "2026-11-25"
FAMILIES = {
    "alma": ["8", "9", "10"],
    "alpine": [*(f"3.{minor}" for minor in range(10, 25)), "edge"],
    "amazonlinux": ["1", "2", "2023"],
    "arch": [""],
    "busybox": ["musl", "glibc", "uclibc"],
    "centos": ["6", "7", "stream-8", "stream-9", "stream-10"],
    "debian": [*map(str, range(8, 14)), "testing", "sid"],
    "fedora": [*map(str, range(33, 46)), "rawhide"],
    "gentoo": ["", "musl", "systemd"],
    "opensuse": [*(f"leap-15.{minor}" for minor in range(7)), "leap-16.0", "tumbleweed"],
    "openwrt": ["21.02", "22.03", "23.05", "24.10", "25.12"],
    "oracle": ["6", "7", "8", "9", "10"],
    "rocky": ["8", "9", "10"],
    "sle": ["12.5", "15.3", "15.4", "15.5", "15.6", "15.7", "16.0"],
    "ubi": ["7", "8", "9", "10"],
    "ubuntu": [f"{year}.{month}" for year in range(12, 27) for month in ("04", "10")],
    "void": ["glibc", "musl"],
    "wolfi": [""],
}


def definitions():
    """Every definition with the family of its file, in all files."""
    problems = []
    found = [
        (name.removesuffix(".yaml"), each)
        for name in sorted(os.listdir(SHIPPED))
        for each in read_definitions(os.path.join(SHIPPED, name), problems)
    ]
    assert problems == []
    return found


@pytest.fixture(scope="module")
def distros():
    """Every distro of the catalogue by its name, but for the host."""
    problems = []
    found = [each.distro(problems) for _, each in definitions()]
    assert problems == []
    return {each.name: each for each in found if each.name != "host"}


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_has_its_releases(distros, family):
    wanted = {f"{family}-{release}".rstrip("-") for release in FAMILIES[family]}
    assert wanted <= set(distros)


def test_each_name_is_there_once_and_in_the_file_that_it_is_looked_for_in():
    found = definitions()
    assert [name for name, times in Counter(each.name for _, each in found).items() if times > 1] == []
    assert [each.name for family, each in found if each.name != family and not each.name.startswith(f"{family}-")] == []


def test_every_distro_says_its_machine_and_where_it_is_from(distros):
    for distro in distros.values():
        assert distro.arch[0] == "x86_64", distro.name
        assert distro.sources, distro.name
        assert len(set(distro.sources)) == len(distro.sources), distro.name


def test_every_distro_has_an_end_or_says_why_it_has_none(distros):
    for distro in distros.values():
        if distro.eol:
            datetime.date.fromisoformat(distro.eol)
            assert not {"rolling", "current"} & set(distro.tags), distro.name
        else:
            assert {"rolling", "current"} & set(distro.tags), distro.name
        assert ("eol" in distro.tags) == ("" < distro.eol < WRITTEN), distro.name


def test_sources_are_those_of_other_machines_and_come_over_https_or_are_verified(distros):
    for distro in distros.values():
        for source in distro.sources:
            assert source.kind in (SourceKind.URL, SourceKind.REGISTRY, SourceKind.BOOTSTRAP), distro.name
            if source.kind is SourceKind.URL:
                assert source.path.startswith("https://"), distro.name
            elif source.kind is SourceKind.REGISTRY:
                assert registry_image(source.path), distro.name
            else:
                assert source.recipe.keyring, distro.name


def test_debian_that_is_supported_is_made_of_packages_first(distros):
    for name in ("11", "12", "13", "testing", "sid"):
        first = distros[f"debian-{name}"].sources[0]
        assert first.recipe.repositories == ("http://deb.debian.org/debian",)
        assert (first.recipe.components, first.recipe.keyring) == (("main",), "debian-archive-keyring")


@pytest.mark.parametrize(
    ("pattern", "files"),
    [
        ("debian-12", ["debian"]),
        ("centos-stream-9", ["centos"]),
        ("arch", ["arch"]),
        ("host", []),
        ("ubuntu-1*", ["ubuntu"]),
        ("a*", ["alma", "alpine", "amazonlinux", "arch"]),
        ("debian?12", ["debian"]),
        ("nothing", []),
        ("debianish-1", []),
    ],
)
def test_only_the_files_that_may_have_a_name_are_read(pattern, files, monkeypatch):
    read = []

    def noting(path, problems):
        read.append(os.path.basename(path).removesuffix(".yaml"))
        return read_definitions(path, problems)

    monkeypatch.setattr("farm.matrix.shipped.read_definitions", noting)
    catalogue = read_catalogue([], [])
    found = catalogue.matching(pattern)
    assert read == files
    everything = read_catalogue([], []).names()
    assert found == [name for name in everything if fnmatchcase(name, pattern)]
