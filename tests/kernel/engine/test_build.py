"""Containers that build: what they write is kept, with the network of the host, with binds, and they end when told."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from farm.engine.build import LocalBuilder
from farm.errors import FarmError, GivenUpError
from farm.kernel.userns import IdMap
from farm.model.build import Bind, Build, Network
from farm.model.distro import Overlay
from farm.model.limits import Limits
from tests.kernel.image.server import Web, serving

pytestmark = pytest.mark.root


ID_MAP = IdMap(0x70000000)


class Builds:
    """Builds on one root file system; what each writes is below ``scratch``."""

    def __init__(self, rootfs: str, folder: Path) -> None:
        self.rootfs = rootfs
        self.folder = folder
        self.scratch = folder / "scratch"
        self.log = folder / "log"

    def run(self, script: str, *, id_map: IdMap | None = ID_MAP, watch=lambda: None, lowers=(), **given) -> str:
        self.scratch.mkdir()
        lowers = (*map(str, lowers), self.rootfs)
        build = Build("test", (Overlay("/", lowers),), ("/bin/sh", "-ec", script), str(self.scratch))
        return LocalBuilder(id_map).build(replace(build, **given), str(self.log), watch)

    def said(self) -> str:
        return self.log.read_text()


@pytest.fixture
def builds(unpacked, tmp_path):
    return Builds(unpacked("alpine-3.20"), tmp_path)


def test_what_it_writes_is_kept_with_the_ids_it_has_inside(builds):
    reason = builds.run(
        "echo new > /root/made; adduser -D -u 4321 somebody; su somebody -c 'echo x > /home/somebody/own'; rm /etc/motd; "
        "chmod 4755 /bin/busybox; cat /proc/self/uid_map"
    )
    assert (reason, builds.said().split()) == ("", ["0", "1879048192", "65536"])
    upper = builds.scratch / "upper"
    made, own = (upper / "root/made").stat(), (upper / "home/somebody/own").stat()
    assert (made.st_uid, made.st_gid, own.st_uid) == (0, 0, 4321)
    assert (upper / "bin/busybox").stat().st_mode & 0o7777 == 0o4755
    gone = (upper / "etc/motd").lstat()
    assert (gone.st_rdev, os.path.exists(f"{builds.rootfs}/etc/motd")) == (0, True)


def test_without_a_user_namespace_it_is_the_same(builds):
    assert builds.run("echo new > /root/made", id_map=None) == ""
    assert (builds.scratch / "upper/root/made").stat().st_uid == 0


def test_every_overlay_has_a_layer_of_its_own(builds):
    overlays = (Overlay("/", (builds.rootfs,)), Overlay("/usr", (f"{builds.rootfs}/usr",)))
    assert builds.run("echo 1 > /root/one; echo 2 > /usr/two", overlays=overlays) == ""
    assert (builds.scratch / "upper/root/one").read_text() == "1\n"
    assert (builds.scratch / "upper1/two").read_text() == "2\n"


@pytest.mark.parametrize(
    ("script", "limits", "reason"),
    [
        ("exit 3", Limits(), "exit status 3"),
        ("kill -9 $$", Limits(), "killed by SIGKILL"),
        ("exit 77", Limits(), "exit status 77"),
        ("head -c 200m /dev/zero | tail", Limits(memory_bytes=32 << 20), "memory quota"),
    ],
)
def test_why_it_failed_is_said(builds, script, limits, reason):
    assert reason in builds.run(f"echo begun\n{script}", limits=limits)
    assert builds.said().startswith("begun\n")


def test_it_ends_at_its_timeout(builds):
    assert builds.run("echo begun; sleep 1000", timeout_s=0.5) == "it ran longer than its timeout of 0.5 s"
    assert builds.said() == "begun\n"


def test_what_the_watch_raises_ends_it(builds):
    class EnoughError(Exception):
        pass

    def watch():
        if builds.log.exists() and "begun" in builds.log.read_text():
            raise EnoughError

    with pytest.raises(EnoughError):
        builds.run("(setsid sleep 1000 &); echo begun; sleep 1000", watch=watch)


def test_a_build_that_is_given_up_before_it_began(builds):
    def watch():
        raise GivenUpError("test")

    with pytest.raises(GivenUpError):
        builds.run("sleep 1000", watch=watch)


def test_B16_without_the_network_it_reaches_nothing(builds):
    with serving(Web({"/x": b"found"})) as web:
        assert builds.run(f"ls /sys/class/net; ! wget -q -T 2 -O - {web.url}/x") == ""
    assert builds.said().split()[0] == "lo"


def test_with_the_hosts_network_it_reaches_what_the_host_reaches(builds):
    with serving(Web({"/x": b"found"})) as web:
        reason = builds.run(
            f"wget -q -O - {web.url}/x; echo; readlink /proc/self/ns/net; cat /etc/resolv.conf", network=Network.HOST
        )
    found, namespace, *resolver = builds.said().splitlines()
    assert (reason, found, namespace) == ("", "found", os.readlink("/proc/self/ns/net"))
    assert resolver == Path("/etc/resolv.conf").read_text().splitlines()


def test_with_the_hosts_network_it_changes_nothing_of_it(builds):
    script = "for each in 'ip link set lo down' 'ip addr add 127.9.9.9/8 dev lo' 'echo 0 > /proc/sys/net/ipv4/ip_forward'; do"
    assert builds.run(f'{script} if sh -c "$each"; then exit 1; fi; done', network=Network.HOST) == ""


def test_binds_show_files_and_folders_of_the_host(builds, tmp_path):
    for name in ("given", "taken"):
        (tmp_path / name).mkdir()
    (tmp_path / "given/file").write_text("of the host")
    (tmp_path / "one").write_text("alone")
    reason = builds.run(
        "cat /in/given/file /in/one; echo; ! touch /in/given/new; ! echo x > /in/one; echo back > /in/taken/new",
        binds=(
            Bind(str(tmp_path / "given"), "/in/given"),
            Bind(str(tmp_path / "one"), "/in/one"),
            Bind(str(tmp_path / "taken"), "/in/taken", writable=True),
        ),
    )
    assert (reason, builds.said().splitlines()[0]) == ("", "of the hostalone")
    assert (tmp_path / "taken/new").stat().st_uid == 0
    assert sorted(os.listdir(tmp_path / "given")) == ["file"]


@pytest.mark.parametrize("link", ["/", "../../../../../../.."])
def test_B02_a_bind_through_a_link_of_the_image_stays_inside(builds, tmp_path, link):
    top, target = tmp_path / "top", f"farm-b02-{os.getpid()}"
    top.mkdir()
    (top / "link").symlink_to(link)
    (tmp_path / "given").mkdir()
    binds = (Bind(str(tmp_path / "given"), f"/link/tmp/{target}/deep"),)
    try:
        assert builds.run(f"ls -d /link/tmp/{target}/deep", binds=binds, lowers=(top,)) == ""
    finally:
        assert not os.path.exists(f"/tmp/{target}")


def test_B02_a_bind_through_a_magic_link_is_refused(builds, tmp_path):
    with pytest.raises(FarmError, match="bind /proc/self/root/tmp/x"):
        builds.run("true", binds=(Bind(str(tmp_path), "/proc/self/root/tmp/x"),))


def test_setuid_programs_and_devices_of_a_bind_count_for_nothing(builds, tmp_path):
    (tmp_path / "given").mkdir()
    os.mknod(tmp_path / "given/zero", 0o20666, os.makedev(1, 5))
    binds = (Bind(str(tmp_path / "given"), "/in"),)
    assert builds.run("! head -c 1 /in/zero; grep ' /in ' /proc/self/mountinfo", binds=binds) == ""
    assert "nosuid,nodev" in builds.said()


def test_several_threads_build_at_once(unpacked, tmp_path):
    def one(number: int) -> str:
        (tmp_path / str(number)).mkdir()
        builds = Builds(unpacked("alpine-3.20"), tmp_path / str(number))
        return builds.run("sleep 0.5")

    unpacked("alpine-3.20")
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(one, range(4))) == [""] * 4
