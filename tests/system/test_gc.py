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
from farm.kernel import mount, process
from farm.network import host, links, namespaces
from tests.kernel.world import world
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
    assert "abandoned" not in farm.run("gc", "--dry-run").stdout
    kept = farm.run("gc")
    assert kept.returncode == 0
    assert "abandoned" not in kept.stdout
    assert namespaces.names() == ("abandoned",)
    abandoned.stdin.close()
    abandoned.wait()
    would = farm.run("gc", "--dry-run")
    assert would.returncode == 0
    assert "would remove network namespace abandoned\n" in would.stdout
    assert "farm/abandoned\n" in would.stdout
    assert namespaces.names() == ("abandoned",)
    done = farm.run("gc")
    assert {f"removed {line}" for line in _would(would)} == {
        line for line in done.stdout.splitlines() if line.startswith("removed ")
    }
    assert done.returncode == 0
    assert "network namespace abandoned" in done.stdout
    assert "farm/abandoned" in done.stdout
    assert namespaces.names() == ()
    assert farm.run("gc").stdout == "nothing was left\n"


def _would(done):
    return [line.removeprefix("would remove ") for line in done.stdout.splitlines() if line.startswith("would remove ")]


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
        assert "would remove link farm-7" in farm.run("gc", "--dry-run").stdout
        assert "farm-7" in {each.get("ifname") for each in route.get_links()}
        done = farm.run("gc")
        assert "link farm-7" in done.stdout
        assert {each.get("ifname") for each in route.get_links()} == {"lo", "farmhouse", "of-farmhouse"}


def test_gc_removes_the_staging_of_a_killed_import(farm, tmp_path):
    staging = tmp_path / "home/staging/0123456789abcdef/rootfs"
    staging.mkdir(parents=True)
    (tmp_path / "home/locks").mkdir()
    (staging / "file").write_text("half an image")
    would = farm.run("gc", "--dry-run", home=tmp_path / "home")
    assert "would remove 1 unfinished image" in would.stdout
    assert (staging / "file").exists()
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
    listed = json.loads(farm.run("image", "ls", "--json", home=home).stdout)
    assert [(each["digest"][:12], each["facts"]["id"], each["problem"]) for each in listed] == [(digest, "mine", "")]
    assert "s ago" in farm.run("image", "ls", home=home).stdout
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


def imported(farm, home, *names):
    """Digests of images imported into ``home``, one for each of ``names``, last used in that order long ago."""
    digests = []
    for age, name in enumerate(names):
        tree = farm.folder / name
        tree.mkdir()
        (tree / "file").write_text(name * 100_000)
        done = farm.run("image", "import", tree, home=home)
        assert done.returncode == 0, done.stderr
        (found,) = (home / "store").glob(done.stdout.split()[0] + "*")
        os.utime(found / "image.json", (1000 + age, 1000 + age))
        digests.append(found.name)
    return digests


def test_what_rm_cannot_mean_is_one_clear_error(farm, tmp_path):
    home = tmp_path / "home"
    (digest,) = imported(farm, home, "a")
    (home / "store" / (digest[:8] + "0" * 56)).mkdir()
    for prefix, brief in [
        ("", "the digest is empty"),
        ("zz", "no image begins with 'zz'"),
        (digest[:8], "2 images begin"),
    ]:
        done = farm.run("image", "rm", prefix, home=home)
        assert done.returncode == 4
        assert done.stderr.startswith(f"error: {brief}"), done.stderr
    assert digest in done.stderr
    assert len(os.listdir(home / "store")) == 2
    assert farm.run("image", "rm", digest, digest[:20], home=home).returncode == 0


def test_verify_names_what_differs(farm, tmp_path):
    home = tmp_path / "home"
    good, bad, old = imported(farm, home, "a", "b", "c")
    assert farm.run("image", "verify", home=home).returncode == 0
    assert (home / "store" / good / "image.json").stat().st_mtime == 1000, "looking at it is no use of it"
    (home / "store" / bad / "rootfs/file").write_text("other")
    record = home / "store" / old / "image.json"
    record.write_text(
        json.dumps({key: value for key, value in json.loads(record.read_text()).items() if key != "tree"})
    )
    done = farm.run("image", "verify", home=home)
    assert done.returncode == 1
    lines = sorted(done.stdout.splitlines())
    assert lines[0].startswith("  rootfs/file has another ")
    assert "content" in lines[0]
    said = {line.split()[0]: line.split()[1].strip(":,") for line in lines[1:]}
    assert said == {good[:12]: "whole", bad[:12]: "differs", old[:12]: "unknown"}
    assert farm.run("image", "verify", good[:12], home=home).returncode == 0
    assert farm.run("image", "verify", bad, home=home).returncode == 1
    assert farm.run("image", "verify", "nonsense", home=home).returncode == 4


def test_gc_removes_old_images_and_says_how_much_that_was(farm, tmp_path):
    home = tmp_path / "home"
    digests = imported(farm, home, "a", "b")
    (home / "store" / digests[1] / "image.json").touch()
    would = farm.run("gc", "--older-than", "30d", "--dry-run", home=home)
    assert would.returncode == 0
    assert f"would remove image {digests[0][:12]}" in would.stdout
    assert len(os.listdir(home / "store")) == 2
    done = farm.run("gc", "--older-than", "30d", home=home)
    assert done.returncode == 0
    assert f"removed image {digests[0][:12]}" in done.stdout
    assert "freed 1" in done.stdout
    assert os.listdir(home / "store") == [digests[1]]


def test_gc_holds_the_store_to_a_size_the_least_recently_used_first(farm, tmp_path):
    home = tmp_path / "home"
    digests = imported(farm, home, "a", "b", "c")
    assert farm.run("gc", "--max-size", "250K", home=home).returncode == 0
    assert set(os.listdir(home / "store")) == set(digests[1:])
    assert farm.run("gc", "--max-size", "soon", home=home).returncode == 4
    assert farm.run("gc", "--max-size", "1", home=home).returncode == 0
    assert os.listdir(home / "store") == []


def test_gc_during_a_run_leaves_its_images(farm, tmp_path):
    home = tmp_path / "home"
    imported(farm, home, "a")
    matrix = farm.write("  unit: {run: 'echo up; while ! test -e /tmp/never; do sleep 0.1; done', timeout: 100s}")
    running = farm.start("run", matrix, home=home)
    assert farm.wait(lambda: farm.logs_that_say("up"))
    done = farm.run("gc", "--older-than", "1ms", "--max-size", "1", home=home)
    assert done.returncode == 0, done.stderr
    assert "of images in use" in done.stderr
    (used,) = os.listdir(home / "store")
    assert farm.run("image", "rm", used, home=home).returncode == 4
    running.terminate()
    assert running.wait(30 * farm.slowdown) == 2
    assert farm.run("gc", "--older-than", "1ms", home=home).returncode == 0
    assert os.listdir(home / "store") == []


@pytest.mark.parametrize("kind", ["file", "below a file", "read-only"])
def test_a_folder_that_cannot_be_used_is_one_message_in_every_command(farm, tmp_path, kind):
    home = tmp_path / "taken"
    if kind == "read-only":
        home.mkdir()
        mount.mount("small", str(home), "tmpfs", mount.MS_RDONLY, "size=64k")
    else:
        home.write_text("")
    given = home / "below" if kind == "below a file" else home
    matrix = farm.write('  unit: {run: "true"}')
    (tmp_path / "tree").mkdir()
    try:
        for command in (
            ["image", "ls"], ["image", "rm", "ab"], ["image", "verify"], ["image", "import", tmp_path / "tree"], ["gc"],
            ["gc", "--dry-run"], ["run", matrix],
        ):  # fmt: skip
            done = farm.run(*command, home=given)
            assert done.returncode == 4, (command, done.stderr)
            assert done.stderr.startswith("error: the farm's folder cannot be used\n"), (command, done.stderr)
            assert str(home) in done.stderr
            assert "FARM_HOME" in done.stderr
            assert done.stdout == ""
        checked = farm.run("doctor", "--json", home=given)
        assert checked.returncode == 1
        (folder,) = (each for each in json.loads(checked.stdout) if each["name"] == "folder")
        assert folder["status"] == "fail"
        assert str(home) in folder["detail"]
    finally:
        if kind == "read-only":
            mount.umount2(str(home), mount.MNT_DETACH)


HOLD = """
import sys
from farm.network import host
from farm.network.router import Router
router = Router(host.look())
print(router.name, flush=True)
sys.stdin.read()
"""


def test_gc_leaves_the_network_of_a_live_run_and_removes_that_of_a_dead_one(farm, nothing_left):
    with (
        world(),
        subprocess.Popen([sys.executable, "-c", HOLD], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as run,
    ):
        assert run.stdout.readline() == b"farm-0\n"
        assert "farm-0" not in farm.run("gc", "--dry-run").stdout
        assert "farm-0" not in farm.run("gc").stdout
        assert [each.name for each in links.list_links()] == ["farm-0"]
        run.kill()
        assert farm.wait(lambda: not links.list_links())
        assert "would remove forwarding from eth0\n" in farm.run("gc", "--dry-run").stdout
        assert host.left().forwarding == ("eth0",)
        assert "removed forwarding from eth0\n" in farm.run("gc").stdout
        assert host.left() == host.Left()
