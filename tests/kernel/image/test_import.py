"""Importing: what is found again, what two importers of one image do to each other, real root filesystems."""

from __future__ import annotations

import gzip
import lzma
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import zstandard

from farm.errors import ImageError, UsageError
from farm.image.digests import DigestCache
from farm.model.distro import Facts
from tests.kernel.image.archives import entry, folder, hard_link, packed, symlink

ROOT = Path(__file__).resolve().parents[3]
MEMBERS = [folder("."), folder("etc"), entry("etc/os-release", b"ID=test\nVERSION_ID='1'\n"), symlink("e", "etc")]


@pytest.mark.parametrize("pack", [bytes, gzip.compress, lzma.compress, zstandard.ZstdCompressor().compress])
def test_each_compression_is_known_by_its_first_bytes(images, pack):
    image = images.take(images.write(pack(packed(MEMBERS)), "no-suffix"))
    assert (image.facts.id, image.facts.version) == ("test", "1")
    assert images.store.lookup(image.digest) == image
    assert '"confined": "user namespace"' in Path(images.store.rootfs_dir, image.digest, "image.json").read_text()


def test_a_directory_is_imported_as_an_archive_would_be(images, tmp_path):
    source = tmp_path / "source"
    (source / "bin").mkdir(parents=True)
    (source / "bin/tool").write_bytes(b"tool")
    (source / "bin/tool").chmod(0o4755)
    os.link(source / "bin/tool", source / "bin/other")
    (source / "link").symlink_to("/bin/tool")
    os.mkfifo(source / "fifo")
    os.chown(source / "bin", 5, 6)
    image = images.take(source)
    root = Path(image.overlays[0].lowers[0])
    assert sorted(os.listdir(root)) == ["bin", "link"]
    assert (root / "bin/tool").stat().st_mode == (source / "bin/tool").stat().st_mode
    assert (root / "bin/other").samefile(root / "bin/tool")
    assert os.readlink(root / "link") == "/bin/tool"
    assert (root / "bin").stat().st_uid == 5
    assert images.take(source) == image
    (source / "bin/tool").write_bytes(b"TOOL")
    assert images.take(source).digest != image.digest


def test_a_directory_with_the_store_in_it_is_refused(images, tmp_path):
    with pytest.raises(ImageError, match="store"):
        images.take(tmp_path)


@pytest.mark.parametrize("kind", ["missing", "fifo", "null"])
def test_what_is_no_archive_and_no_directory_is_refused(images, tmp_path, kind):
    path = tmp_path / kind
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "null":
        path.symlink_to("/dev/null")
    with pytest.raises(ImageError, match=r"cannot import .*(null|fifo|missing)"):
        images.take(path)


def test_an_unchanged_archive_is_not_read_again(images, tmp_path, monkeypatch):
    path = images.write(packed(MEMBERS))
    fd = os.open(path, os.O_RDONLY)
    cache = DigestCache(str(tmp_path / "digests"))
    asked = []

    def look() -> str:
        return cache.of_file(fd, str(path), lambda: bool(asked.append(1)))

    digest = look()
    assert look() == digest
    assert len(asked) == 2, "a file that changed a moment ago was believed"
    # Two seconds later it is settled; the clock is set instead of waited for.
    later_ns = time.time_ns() + 3_000_000_000
    monkeypatch.setattr("farm.image.digests.time.time_ns", lambda: later_ns)
    assert [look(), look(), look()] == [digest] * 3
    assert len(asked) == 3
    path.write_bytes(packed(MEMBERS) + bytes(512))
    assert look() != digest
    os.close(fd)


_IMPORT = """
import sys
from farm.image.resolve import resolve
from farm.image.store import Store
from farm.kernel.userns import IdMap
from farm.model.distro import Source, SourceKind
print(resolve(Source(SourceKind.TARBALL, sys.argv[1]), Store(sys.argv[2]), IdMap(0x70000000)).digest)
"""


def _importer(images, path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _IMPORT, str(path), images.store.home],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_A10_of_many_importers_one_makes_the_image(images):
    path = images.write(packed([*MEMBERS, *(entry(f"{number}", b"x" * 1000) for number in range(3000))]))
    importers = [_importer(images, path) for _ in range(4)]
    digests = {each.communicate(timeout=100)[0].strip() for each in importers}
    assert len(digests) == 1
    assert images.left() == [*digests]


@pytest.mark.slow_in_vm
def test_A10_an_importer_that_is_killed_leaves_the_image_to_the_next(images):
    path = images.write(packed([*MEMBERS, *(entry(f"{number}", b"x" * 1000) for number in range(20000))]))
    first = _importer(images, path)
    staging = Path(images.store.home, "staging")
    deadline_s = time.monotonic() + 60
    while not list(staging.glob("*/rootfs/1")):
        assert time.monotonic() < deadline_s
        time.sleep(0.01)
    assert images.store.sweep() == 0, "work that went on was swept"
    second = _importer(images, path)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    digest = second.communicate(timeout=100)[0].strip()
    assert second.returncode == 0
    root = Path(images.store.rootfs_dir, digest, "rootfs")
    assert len(os.listdir(root)) == 20002
    assert images.store.sweep() == 1
    assert images.left() == [digest]


@pytest.mark.slow_in_vm
def test_what_changes_while_it_is_imported_is_refused(images, tmp_path):
    path = images.write(packed([*MEMBERS, *(entry(f"{number}", b"x" * 1000) for number in range(20000))]))
    importer = subprocess.Popen(
        [sys.executable, "-c", _IMPORT, str(path), images.store.home],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
    )
    staging = Path(images.store.home, "staging")
    deadline_s = time.monotonic() + 60
    while not list(staging.glob("*/rootfs/1")):
        assert time.monotonic() < deadline_s
        time.sleep(0.01)
    with path.open("ab") as file:
        file.write(bytes(512))
    assert "changed while it was imported" in importer.communicate(timeout=100)[1]
    assert images.left() == []


def test_an_image_in_use_is_not_removed(images):
    image = images.take(images.write(packed(MEMBERS)))
    with images.store.hold(image.digest), pytest.raises(UsageError, match="in use"):
        images.store.remove(image.digest)
    images.store.remove(image.digest)
    assert images.left() == []
    with pytest.raises(ImageError, match="removed"), images.store.hold(image.digest):
        pass
    with pytest.raises(UsageError, match="no image"):
        images.store.remove(image.digest)


def test_an_old_image_without_os_release(images):
    image = images.take(images.write(packed([folder("etc"), entry("etc/redhat-release", b"CentOS release 5")])))
    said = "CentOS release 5"
    assert image.facts == Facts(id="centos", version="5", pretty_name=said, family="redhat", init="none")
    assert images.take(images.write(packed([folder("empty")]))).facts == Facts(init="none")


def test_facts_are_read_without_following_a_link_out(images):
    image = images.take(
        images.write(
            packed(
                [
                    folder("etc"),
                    symlink("etc/os-release", "/../../../../../../../../etc/os-release"),
                    hard_link("x", "etc/os-release"),
                ]
            )
        )
    )
    assert image.facts.id == ""


APT = "apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends"
ZYPPER = "zypper --non-interactive install --no-recommends"
APK = "apk add --no-cache"
REAL = {
    "alpine-3.10": (
        "alpine", "3.10.9", "Alpine Linux v3.10", "alpine", "apk", "musl", "1.1.22", "x86_64", APK, "busybox",
    ),
    "alpine-3.20": (
        "alpine", "3.20.3", "Alpine Linux v3.20", "alpine", "apk", "musl", "1.2.5", "x86_64", APK, "busybox",
    ),
    "busybox-musl": ("busybox", "1.38.0", "BusyBox 1.38.0", "", "", "musl", "", "x86_64", "", "busybox"),
    "centos-7": (
        "centos", "7", "CentOS Linux 7 (Core)", "redhat", "yum", "glibc", "2.17", "x86_64", "yum install -y", "systemd",
    ),
    "opensuse-tumbleweed": (
        "opensuse-tumbleweed", "20230913", "openSUSE Tumbleweed", "suse", "zypper", "glibc", "2.38", "x86_64", ZYPPER,
        "none",
    ),
    "ubuntu-12.04": (
        "ubuntu", "12.04", "Ubuntu precise (12.04.1 LTS)", "debian", "apt", "glibc", "2.15", "x86_64", APT, "upstart",
    ),
    "ubuntu-14.04": (
        "ubuntu", "14.04", "Ubuntu 14.04.1 LTS", "debian", "apt", "glibc", "2.19", "i686", APT, "upstart",
    ),
    "ubuntu-24.04": ("ubuntu", "24.04", "Ubuntu 24.04 LTS", "debian", "apt", "glibc", "2.39", "x86_64", APT, "none"),
}  # fmt: skip


@pytest.mark.rootfs
@pytest.mark.slow_in_vm
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", sorted(REAL))
def test_real_root_filesystems_are_whole_and_known(images, rootfs_dir, name):
    (archive,) = rootfs_dir.glob(f"{name}-*.tar*")
    image = images.take(archive)
    assert image.facts == Facts(*REAL[name])
    listed = subprocess.run(["tar", "-tf", archive], check=True, capture_output=True, text=True).stdout.splitlines()
    members = {os.path.normpath(each.lstrip("/")) for each in listed}
    root = image.overlays[0].lowers[0]
    there = {
        os.path.relpath(os.path.join(at, each), root)
        for at, folders, files in os.walk(root)
        for each in folders + files
    }
    assert len(members - there - {"."}) == sum(each.startswith("dev/") for each in members - there)
