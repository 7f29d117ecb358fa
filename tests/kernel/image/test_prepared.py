"""Prepared images: made once of what decides them, as good as any image, and nothing is left of what failed."""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
import struct
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from farm.cgroup.detect import sweep_dead
from farm.engine.build import LocalBuilder
from farm.engine.local import LocalEngine
from farm.errors import FarmError, GivenUpError, ImageError
from farm.image import host
from farm.image.building import BuildError
from farm.image.prepared import Preparation, prepared
from farm.image.store import RemovedError
from farm.model.build import Bind, Network
from farm.model.job import Job
from farm.model.outcome import Outcome
from farm.model.ports import Work

pytestmark = [pytest.mark.root, pytest.mark.rootfs]

ROOT = Path(__file__).resolve().parents[3]
MARK = "echo made > /root/made; cat /proc/sys/kernel/random/uuid > /root/once"


class Counting:
    """A builder that counts: ``Builder`` by a real one."""

    def __init__(self, inner: LocalBuilder) -> None:
        self.count = 0
        self._inner = inner

    def build(self, *given):
        self.count += 1
        return self._inner.build(*given)


class Prepare:
    """Prepares images of one base in the store of ``images``."""

    def __init__(self, images, base) -> None:
        self.images = images
        self.base = base
        self.builder = Counting(LocalBuilder(images.id_map))

    def __call__(self, script=MARK, stopped=lambda: False, said=lambda *_: None, **given):
        wanted = replace(Preparation("small", script, ("sh", "-ec", script)), **given)
        return prepared(self.base, wanted, self.images.store, self.builder, stopped, said)

    def run(self, image, script: str, tmp_path: Path) -> tuple[Outcome, str]:
        """Run a job on ``image``, as a run does."""

        async def go():
            views = (
                self.images.store.rootfs_dir,
                *(p for o in image.overlays for p in o.lowers if p.startswith("/usr")),
            )
            engine = LocalEngine(f"test-{os.getpid()}", str(tmp_path), views, self.images.id_map)
            await engine.start()
            try:
                job = Job("test/small", "test", "small", (), ("sh", "-e", "-c", script), script)
                return await engine.run(Work(job, image, 1))
            finally:
                await engine.close()

        attempt = asyncio.run(go())
        return attempt.outcome, (tmp_path / attempt.log_path).read_text()


@pytest.fixture
def prepare(images, rootfs_dir):
    return Prepare(images, images.take(rootfs_dir / "alpine-3.20-amd64.tar.gz"))


def test_a_prepared_image_is_made_once(prepare, tmp_path):
    image, made = prepare()
    assert made
    assert prepare.run(image, "cat /root/made; cat /etc/alpine-release", tmp_path) == (
        Outcome.PASSED,
        "made\n" + (Path(prepare.base.overlays[0].lowers[0]) / "etc/alpine-release").read_text(),
    )
    again, made = prepare(name="another-name", timeout_s=5.0)
    assert (again, made, prepare.builder.count) == (image, False, 1)
    assert image.facts == prepare.base.facts


@pytest.mark.parametrize("changed", ["script", "env", "network", "bind", "target", "base"])
def test_what_decides_it_makes_another_one(prepare, images, tmp_path, rootfs_dir, changed):
    (tmp_path / "given").mkdir()
    (tmp_path / "given/file").write_text("one")
    given = {"env": (("A", "1"),), "binds": (Bind(str(tmp_path / "given"), "/in"),)}
    first, _ = prepare(**given)
    if changed == "bind":
        (tmp_path / "given/file").write_text("two")
    elif changed == "base":
        prepare.base = images.take(rootfs_dir / "busybox-musl-amd64.tar.gz")
    given |= {
        "script": {"script": f"{MARK}; :"},
        "env": {"env": (("A", "2"),)},
        "network": {"network": Network.HOST},
        "target": {"binds": (Bind(str(tmp_path / "given"), "/elsewhere"),)},
    }.get(changed, {})
    second, made = prepare(**given)
    assert (made, second.digest != first.digest) == (True, True)


def test_it_says_of_what_it_is(prepare, tmp_path):
    image, _ = prepare(f"# first of all\nset -e\n\n  {MARK}")
    begun = "echo made > /root/made; cat /proc/sys/kernel/random/uuid > "
    assert image.source == f"{prepare.base.source}, prepared: {begun[:59]}…"
    with pytest.raises(BuildError, match="the prepare of small for a test failed"):
        prepare("exit 3", called="small for a test")
    image, _ = prepare("hostname > /root/name", called="small for a test")
    assert prepare.run(image, "cat /root/name", tmp_path) == (Outcome.PASSED, "prepare-of-small\n")


def test_what_it_removes_and_replaces_stays_so(prepare, tmp_path):
    image, _ = prepare("rm /etc/motd; rm -r /etc/apk; mkdir /etc/apk; echo x > /etc/apk/new; mv /etc/issue /etc/moved")
    script = "[ ! -e /etc/motd ]; [ ! -e /etc/issue ]; cat /etc/moved >&2; ls /etc/apk"
    outcome, said = prepare.run(image, script, tmp_path)
    assert (outcome, said.splitlines()[-1]) == (Outcome.PASSED, "new"), said


def test_what_the_container_needed_is_not_in_the_layer(prepare):
    image, _ = prepare("echo nameserver 192.0.2.1 >> /etc/resolv.conf; ls /dev")
    layer = Path(image.overlays[0].lowers[0])
    assert sorted(os.listdir(layer)) == ["etc"]
    assert os.listdir(layer / "etc") == []
    assert sorted(os.listdir(layer.parent)) == ["upper"]


def test_attributes_and_file_capabilities_are_kept(images, rootfs_dir, tmp_path):
    prepare = Prepare(images, images.take(rootfs_dir / "ubuntu-24.04-amd64.tar.zst"))
    # By setxattr(2) and getxattr(2): perl is all that the image has for it. The capability is CAP_NET_BIND_SERVICE.
    names = "my ($f, $s, $u, $k) = ('/usr/bin/capped', 'security.capability', 'user.note', 'kept');"
    writing = f"""cp /bin/true /usr/bin/capped; perl - <<'END'
{names} my $c = pack('V5', 0x02000001, 1 << 10, 0, 0, 0);
syscall(188, $f, $s, $c, 20, 0) == 0 or die $!;
syscall(188, $f, $u, $k, 4, 0) == 0 or die $!;
END
"""
    reading = f"""perl - <<'END'
{names} my $c = ' ' x 64;
syscall(191, $f, $s, $c, 64) >= 20 or die $!;
print((unpack('V5', $c))[1], "\\n");
END
"""
    image, _ = prepare(writing)
    layer = Path(image.overlays[0].lowers[0]) / "usr/bin/capped"
    assert os.getxattr(layer, "user.note") == b"kept"
    assert struct.unpack_from("<5I", os.getxattr(layer, "security.capability"))[1] == 1 << 10
    assert prepare.run(image, reading, tmp_path) == (Outcome.PASSED, "1024\n")


def test_an_image_may_lose_what_the_farm_writes_to(prepare, tmp_path):
    image, _ = prepare("rm -rf /etc /tmp; ln -s /nowhere /etc")
    assert prepare.run(image, "cat /etc/hostname", tmp_path)[0] is Outcome.PASSED


@pytest.mark.parametrize(
    "name",
    ["ubuntu-12.04-amd64.tar.xz", "ubuntu-14.04-i386.tar.gz", "ubuntu-24.04-amd64.tar.zst", "centos-7-amd64.tar.xz",
     "opensuse-tumbleweed-amd64.tar.zst", "alpine-3.10-amd64.tar.gz", "busybox-musl-amd64.tar.gz"],
)  # fmt: skip
def test_every_real_image_can_be_prepared(images, rootfs_dir, tmp_path, name):
    prepare = Prepare(images, images.take(rootfs_dir / name))
    image, _ = prepare("mkdir -p /opt/x; uname -m > /opt/x/made; chmod 700 /opt/x")
    assert prepare.run(image, "cat /opt/x/made; uname -m", tmp_path) == (Outcome.PASSED, f"{image.facts.arch}\n" * 2)


def test_the_host_can_be_prepared(images, tmp_path):
    prepare = Prepare(images, host.resolve(images.store))
    image, _ = prepare("echo made > /root/made; echo 'echo tool' > /usr/bin/farm-made; chmod +x /usr/bin/farm-made")
    assert prepare.run(image, "cat /root/made; sh /usr/bin/farm-made", tmp_path) == (Outcome.PASSED, "made\ntool\n")
    assert not os.path.exists("/usr/bin/farm-made")


def test_one_that_failed_leaves_its_log_and_nothing_else(prepare, images):
    with pytest.raises(BuildError) as caught:
        prepare("echo said; echo more >&2; exit 100")
    assert caught.value.brief == "the prepare of small failed"
    assert caught.value.detail == "exit status 100"
    assert caught.value.remedy == ""
    assert Path(caught.value.log_path).read_text() == "said\nmore\n"
    assert images.left() == [prepare.base.digest]
    with pytest.raises(BuildError, match="exit status 100"):
        prepare("echo said; echo more >&2; exit 100")
    assert prepare.builder.count == 2


def test_one_that_reaches_nobody_is_told_of_the_network(prepare):
    with pytest.raises(BuildError) as caught:
        prepare("wget -q -O /root/x http://farm.invalid/x")
    assert "network: host" in caught.value.remedy
    with pytest.raises(BuildError) as caught:
        prepare("echo begun; sleep 1000", timeout_s=0.5)
    assert (caught.value.detail, caught.value.remedy) == ("it ran longer than its timeout of 0.5 s", "")


def test_one_that_installs_on_the_host_image_is_told_of_another_distro(images):
    prepare = Prepare(images, host.resolve(images.store))
    with pytest.raises(BuildError) as caught:
        prepare("apt-get install -y farm-no-such-package", network=Network.HOST)
    assert "the host image has an empty /var" in caught.value.remedy


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("/srv/gone", "a symbolic link there that leads to nothing"),
        ("/srv/gone/below", "a symbolic link there that leads to nothing"),
        ("/etc/passwd/below", "a file is in the way"),
        ("/etc/passwd", "the image has a file there, and the source is a folder"),
    ],
)
def test_a_mount_that_has_no_place_in_the_image_is_a_sentence(prepare, images, tmp_path, target, said):
    prepare.base, _ = prepare("ln -s /nowhere/at/all /srv/gone")
    (tmp_path / "given").mkdir()
    with pytest.raises(FarmError) as caught:
        prepare("true", binds=(Bind(str(tmp_path / "given"), target),))
    assert caught.value.brief == f"cannot run the prepare of small: bind {target}"
    assert str(caught.value).count(said) == 1
    assert "[Errno" not in str(caught.value)


def test_a_command_that_is_not_there_is_explained_once(prepare):
    with pytest.raises(FarmError) as caught:
        prepare("true", argv=("/bin/no-such-shell", "-c", "true"))
    lines = [each for each in str(caught.value).replace("; ", "\n").splitlines() if each]
    assert len(lines) == len(set(lines)) > 1, lines


def test_one_whose_files_have_more_holes_than_anybody_reads_is_refused_unread(prepare, images):
    began_s = time.monotonic()
    with pytest.raises(BuildError) as caught:
        prepare("echo said; dd if=/dev/zero of=/root/sparse bs=1 count=0 seek=4096G 2>&1")
    assert time.monotonic() - began_s < 60  # it would take hours to read
    assert caught.value.brief == "the prepare of small wrote too much"
    assert caught.value.detail == "its files hold 4 TiB, holes included, more than 32 GiB"
    assert "FARM_IMAGE_SIZE" in caught.value.remedy
    assert Path(caught.value.log_path).read_text().startswith("said\n")
    assert images.left() == [prepare.base.digest]


def test_a_file_with_several_names_counts_once(prepare):
    image, _ = prepare("head -c 1000 /dev/zero > /root/a; mkdir /root/d; ln /root/a /root/d/b; ln /root/a /root/c")
    assert image.size_bytes == prepare.base.size_bytes + 1000


def test_one_that_is_given_up_leaves_nothing(prepare, images):
    told = []
    with pytest.raises(GivenUpError):
        prepare("echo begun; sleep 1000", stopped=lambda: bool(told), said=lambda *each: told.append(each))
    assert told == [("prepare of small", "begun")]
    assert images.left() == [prepare.base.digest]


def test_C10_it_ends_before_the_disk_is_full(prepare, images, monkeypatch):
    there = os.statvfs(images.store.home)
    monkeypatch.setattr("farm.image.building._SPARE_BYTES", there.f_bavail * there.f_frsize - (20 << 20))
    with pytest.raises(ImageError, match="the disk is nearly full, so the prepare of small was ended"):
        prepare("head -c 100m /dev/zero > /root/large; sync; sleep 1000")
    assert images.left() == [prepare.base.digest]


def test_a_base_that_is_gone_is_told(prepare, images):
    images.store.remove(prepare.base.digest)
    with pytest.raises(RemovedError):
        prepare()


def test_a_prepared_image_outlives_its_base(prepare, images, rootfs_dir, tmp_path):
    image, _ = prepare()
    images.store.remove(prepare.base.digest)
    prepare.base = images.take(rootfs_dir / "alpine-3.20-amd64.tar.gz")
    assert prepare() == (image, False)
    assert prepare.run(image, "cat /root/made", tmp_path)[0] is Outcome.PASSED


def test_it_can_be_verified(prepare, images):
    image, _ = prepare()
    (stored,) = (each for each in images.store.stored() if each.digest == image.digest)
    with images.store.hold(image.digest):
        assert list(images.store.differences(stored)) == []
        (Path(image.overlays[0].lowers[0]) / "root/made").write_text("changed")
        assert len(list(images.store.differences(stored))) == 1


def test_what_it_removed_and_replaced_is_verified(prepare, images):
    image, _ = prepare(
        "rm /etc/motd; rm -r /etc/opt; rm -r /etc/apk; mkdir /etc/apk; echo x > /etc/apk/new; rm -r /media; echo f > /media;"
        "rm /bin/cat; mkdir /bin/cat; ln -s /nowhere /srv/link; mkfifo /srv/pipe"
    )
    layer = Path(image.overlays[0].lowers[0])
    for name in ("etc/motd", "etc/opt"):
        assert (layer / name).is_char_device()
        assert (layer / name).stat().st_rdev == 0
    assert os.getxattr(layer / "etc/apk", "trusted.overlay.opaque") == b"y"
    (stored,) = (each for each in images.store.stored() if each.digest == image.digest)
    with images.store.hold(image.digest):
        assert list(images.store.differences(stored)) == []
        os.removexattr(layer / "etc/apk", "trusted.overlay.opaque")
        assert list(images.store.differences(stored)) == ["layers/upper/etc/apk has another content"]
        (layer / "etc/motd").unlink()
        shutil.rmtree(layer / "etc/apk")
        (layer / "media").unlink()
        (layer / "media").mkdir()
        os.mknod(layer / "srv/other", stat.S_IFCHR)
        assert [each.removeprefix("layers/upper/") for each in images.store.differences(stored)] == [
            "etc/apk is missing",
            "etc/apk/new is missing",
            "etc/motd is missing",
            "media has another kind, mode, time, content",
            "srv/other was added",
        ]


def test_a_layer_may_be_deeper_than_a_path_can_be_long(prepare, images):
    image, _ = prepare("cd /root; for i in $(seq 3000); do mkdir d; cd -P d; done; echo deep > f")
    assert image.size_bytes == prepare.base.size_bytes + len("deep\n")
    (stored,) = (each for each in images.store.stored() if each.digest == image.digest)
    with images.store.hold(image.digest):
        assert list(images.store.differences(stored)) == []
    images.store.remove(image.digest)
    assert images.left() == [prepare.base.digest]


def test_two_processes_prepare_one_image_once(prepare, images, tmp_path):
    code = f"""
import sys
from farm.engine.build import LocalBuilder
from farm.image.prepared import Preparation, prepared
from farm.image.store import Store
from farm.kernel.userns import IdMap
store = Store({images.store.home!r})
base = store.lookup({prepare.base.digest!r})
script = "sleep 1; cat /proc/sys/kernel/random/uuid > /root/once"
wanted = Preparation("small", script, ("sh", "-ec", script))
print(prepared(base, wanted, store, LocalBuilder(IdMap(0x70000000)), lambda: False, lambda *_: None))
"""
    given = {"env": {**os.environ, "PYTHONPATH": str(ROOT)}, "stdout": subprocess.PIPE, "text": True}
    both = [subprocess.Popen([sys.executable, "-c", code], **given) for _ in range(2)]
    said = [each.communicate(timeout=60)[0].strip() for each in both]
    assert sorted(each.rpartition(", ")[2] for each in said) == ["False)", "True)"]
    assert len({each.rpartition(", ")[0] for each in said}) == 1


def test_C01_one_that_is_killed_in_the_middle_leaves_nothing(prepare, images):
    code = f"""
from farm.engine.build import LocalBuilder
from farm.image.prepared import Preparation, prepared
from farm.image.store import Store
from farm.kernel.userns import IdMap
store = Store({images.store.home!r})
script = "echo begun; sleep 1000"
wanted = Preparation("small", script, ("sh", "-ec", script))
said = lambda *each: print(*each, flush=True)
prepared(store.lookup({prepare.base.digest!r}), wanted, store, LocalBuilder(IdMap(0x70000000)), lambda: False, said)
"""
    given = {"env": {**os.environ, "PYTHONPATH": str(ROOT)}, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", code], **given) as process:
        assert process.stdout.readline() == "prepare of small begun\n"
        process.kill()
    assert images.store.sweep() == 1
    assert images.left() == [prepare.base.digest]
    sweep_dead()


@pytest.mark.parametrize("below", ["", "/store", "/.."])
def test_the_farms_own_folder_cannot_be_mounted(prepare, images, below):
    with pytest.raises(ImageError, match="a prepare cannot mount"):
        prepare(binds=(Bind(images.store.home + below, "/in"),))
