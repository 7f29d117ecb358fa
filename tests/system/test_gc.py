"""``farm gc``: what dead runs left goes, what live ones use stays; ``farm image`` and ``farm doctor`` beside it."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys

import pytest
from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkError

from farm.cgroup import detect
from farm.kernel import process
from farm.network import namespaces
from tests.system.conftest import ROOT

pytestmark = pytest.mark.root

# Leaves what a farm that was killed would: nobody has its locks any more.
ABANDON = """
import os, sys
from farm.cgroup import detect
from farm.network.namespaces import network_namespace
manager = detect.open_hierarchies("farm/abandoned")
made = network_namespace("abandoned")
made.__enter__()
print("ready", flush=True)
sys.stdin.read()
os._exit(0)
"""


@pytest.fixture
def abandoned(farm):
    """A process that owns a control group and a network namespace until its standard input ends, then dies at once."""
    with subprocess.Popen(
        [sys.executable, "-c", ABANDON], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "ready\n"
        yield owner
        owner.kill()


def test_gc_removes_what_a_dead_farm_left_and_only_that(farm, abandoned):
    kept = farm.run("gc")
    assert kept.returncode == 0
    assert "abandoned" not in kept.stdout
    assert namespaces.names() == ("abandoned",)
    abandoned.stdin.close()
    abandoned.wait()
    done = farm.run("gc")
    assert done.returncode == 0
    assert "network namespace abandoned" in done.stdout
    assert "farm/abandoned" in done.stdout
    assert namespaces.names() == ()
    assert farm.run("gc").stdout == "nothing was left\n"


@pytest.fixture
def own_network(nothing_left):
    """This thread in an empty network namespace, and back; what it starts is in there too."""
    home = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    process.unshare(process.CLONE_NEWNET)
    yield
    process.setns(home, process.CLONE_NEWNET)
    os.close(home)


def test_gc_removes_links_of_the_farm_and_no_others(farm, own_network):
    with IPRoute() as route:
        for name in ("farm-7", "farmhouse"):
            try:
                route.link("add", ifname=name, kind="veth", peer={"ifname": f"of-{name}"})
            except NetlinkError as error:
                if error.code == errno.EOPNOTSUPP:
                    pytest.skip("needs a kernel with veth")
                raise
        done = farm.run("gc")
        assert "link farm-7" in done.stdout
        assert {each.get("ifname") for each in route.get_links()} == {"lo", "farmhouse", "of-farmhouse"}


def test_gc_removes_the_staging_of_a_killed_import(farm, tmp_path):
    staging = tmp_path / "home/staging/0123456789abcdef/rootfs"
    staging.mkdir(parents=True)
    (tmp_path / "home/locks").mkdir()
    (staging / "file").write_text("half an image")
    done = farm.run("gc", home=tmp_path / "home")
    assert done.returncode == 0
    assert "1 unfinished image" in done.stdout
    assert list((tmp_path / "home/staging").iterdir()) == []


def test_images_are_imported_listed_and_removed(farm, tmp_path):
    home, tree = tmp_path / "home", tmp_path / "tree"
    (tree / "etc").mkdir(parents=True)
    (tree / "etc/os-release").write_text('ID=mine\nPRETTY_NAME="My Linux 1"\n')
    done = farm.run("image", "import", tree, home=home)
    assert done.returncode == 0, done.stderr
    digest, _, name = done.stdout.strip().partition("  ")
    assert name == "My Linux 1"
    assert farm.run("image", "import", tree, home=home).stdout == done.stdout
    assert digest in farm.run("image", "ls", home=home).stdout
    assert farm.run("image", "rm", "0000", home=home).returncode == 4
    assert farm.run("image", "rm", digest, home=home).returncode == 0
    assert digest not in farm.run("image", "ls", home=home).stdout
    assert farm.run("image", "rm", digest, home=home).returncode == 4


def test_an_archive_with_another_digest_is_not_imported(farm, tmp_path):
    archive = tmp_path / "empty.tar"
    archive.write_bytes(b"\0" * 10240)
    done = farm.run("image", "import", archive, "--sha256", "ab" * 32, home=tmp_path / "home")
    assert done.returncode in (4, 6)
    assert "ab" * 32 in done.stderr


def test_doctor_finds_this_host_able(farm):
    done = farm.run("doctor", "--json")
    assert done.returncode == 0, done.stdout
    assert {each["status"] for each in json.loads(done.stdout)} <= {"ok", "warn"}
    assert detect.sweep_dead().kept == ()
