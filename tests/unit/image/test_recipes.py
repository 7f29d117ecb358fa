"""Scripts that bootstrap: what is verified, and that nothing of a recipe is taken for shell."""

from __future__ import annotations

import shlex
import subprocess

import pytest

from farm.errors import ImageError
from farm.image.recipes import script
from farm.model.recipe import Recipe

DEBIAN = Recipe(
    "apt", "bookworm", ("http://deb.debian.org/debian",), ("main",), "debian-archive-keyring", ("bc", "file")
)
FEDORA = Recipe("dnf", "41", ("https://fedora.example/os/",), keyring="https://fedora.example/key")


@pytest.mark.parametrize("manager", ["apt", "dnf", "zypper"])
def test_every_script_is_one_for_sh(manager):
    given = Recipe(manager, "1", ("https://a.example/x", "https://b.example/y"), ("main",), "key", ("one", "two"))
    subprocess.run(["sh", "-n", "-c", script(given, "apt-get install -y")], check=True)


def test_the_options_of_mmdebstrap():
    text = script(DEBIAN, "")
    assert "set -- --components=main --include=bc,file\n" in text
    assert "release=bookworm\n" in text
    assert "repositories=http://deb.debian.org/debian\n" in text
    assert "keyring=debian-archive-keyring\n" in text


def test_archived_releases_may_have_run_out():
    old = Recipe("apt", "jessie", ("http://archive.debian.org/debian",))
    assert "Check-Valid-Until" in script(old, "")
    assert "Check-Valid-Until" not in script(DEBIAN, "")


def test_packages_are_held_against_the_key_that_is_named():
    text = script(FEDORA, "")
    assert "--setopt=farm0.gpgcheck=1 --setopt=farm0.gpgkey=https://fedora.example/key" in text
    assert "--gpgcheck-strict" in script(Recipe("zypper", "15", FEDORA.repositories, keyring=FEDORA.keyring), "")


@pytest.mark.parametrize("manager", ["dnf", "zypper"])
@pytest.mark.parametrize(
    ("address", "trusted"),
    [("http://a.example/x", False), ("https://a.example/x", True), ("http://127.0.0.1:8/x", True)],
)
def test_packages_without_a_key_come_over_a_way_that_is_trusted(manager, address, trusted):
    given = Recipe(manager, "1", (address,))
    if trusted:
        assert "gpgcheck=0" in script(given, "") or "--gpgcheck-allow-unsigned" in script(given, "")
        return
    with pytest.raises(ImageError, match="nobody could tell whether the packages are the right ones") as caught:
        script(given, "")
    assert address in caught.value.detail


def test_another_manager_is_refused():
    with pytest.raises(ImageError, match="nothing is known to bootstrap with pacman"):
        script(Recipe("pacman", "1", ("https://a.example",)), "")


@pytest.mark.parametrize("manager", ["apt", "dnf", "zypper"])
@pytest.mark.parametrize("odd", ["$(touch /tmp/x)", "a;b", "it's", 'say "x"', "a b", "*"])
def test_what_stands_in_a_recipe_stays_one_word(manager, odd):
    text = script(Recipe(manager, odd, ("https://a.example",), ("main",), packages=(odd,)), "")
    assert text.count(shlex.quote(odd)) + text.count(shlex.quote(f"--include={odd}")) >= 2
    assert odd not in text.replace(shlex.quote(odd), "").replace(shlex.quote(f"--include={odd}"), "") or odd == "*"
