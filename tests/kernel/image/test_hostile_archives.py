"""Archives made to harm: each ends inside its image or is refused, and nothing of a refused one is left."""

from __future__ import annotations

import gzip
import lzma
import os
import stat
import struct
import subprocess
import tarfile
import time
from pathlib import Path

import pytest
import zstandard

from farm.errors import ImageError
from farm.image.limits import UnpackLimits
from farm.image.store import Store
from tests.kernel.image.archives import entry, folder, hard_link, packed, symlink


@pytest.mark.parametrize("name", ["../canary", "a/../../canary", "a/..", "/../canary", "./../../../../canary"])
def test_A01_names_that_go_up_are_refused(refused, name):
    assert "goes up with .." in refused(entry("fine"), entry(name, b"harmed"))


def test_A01_absolute_names_are_inside(images):
    root = images.root(entry(str(images.canary), b"inside"), entry("//etc//./motd", b"hello"))
    assert images.canary.read_text() == "untouched"
    assert Path(f"{root}{images.canary}").read_text() == "inside"
    assert (root / "etc/motd").read_text() == "hello"


@pytest.mark.parametrize("up", ["../" * 20, "/"])
def test_A02_files_through_symbolic_links_stay_inside(images, up):
    outside = str(images.folder).lstrip("/")
    root = images.root(
        symlink("one", up + outside),
        folder(outside),
        symlink("two", "one"),
        entry("two/canary", b"inside"),
        symlink("x", up),
    )
    assert images.canary.read_text() == "untouched"
    assert (root / outside / "canary").read_text() == "inside"


def test_A02_a_file_in_the_place_of_a_link_replaces_it(images):
    root = images.root(symlink("canary", str(images.canary)), entry("canary", b"inside"))
    assert images.canary.read_text() == "untouched"
    assert (root / "canary").read_text() == "inside"


def test_A02_a_link_that_leads_nowhere_is_no_folder(refused):
    assert "not/there" in refused(symlink("a", "not/there/at/all"), entry("a/not/there", b"x"))


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("../canary", "goes up with .."),
        ("/etc/passwd", "absolute path"),
        ("door/passwd", "leads through a symbolic link"),
        ("missing", "No such file"),
        ("etc", "not permitted"),
        ("link", "itself"),
    ],
)
def test_A03_hard_links_that_lead_elsewhere_are_refused(refused, target, why):
    said = refused(folder("etc"), entry("etc/passwd", b"root"), symlink("door", "etc"), hard_link("link", target))
    assert why in said


def test_A03_hard_links_inside_are_kept(images):
    root = images.root(entry("a/b", b"same"), hard_link("c", "./a/b"))
    assert (root / "c").samefile(root / "a/b")


def test_A05_a_chain_of_links_longer_than_PATH_MAX_is_refused(refused):
    members, path = [], ""
    for letter in "abcdefghijklmnop":
        members += [folder(path + "d" * 247), symlink(path + letter, "d" * 247)]
        path += letter + "/"
    members += [
        symlink(path + "l" * 254, "../" * 16),
        symlink("escape", path + "l" * 254 + "/../.."),
        entry("escape/canary", b"x"),
    ]
    path = "d" * 247
    assert refused(*members, symlink("loop", "loop"), entry("loop/x", b"x"))


def test_A05_loops_and_names_too_long_are_refused(refused):
    assert "symbolic links" in refused(symlink("loop", "loop"), entry("loop/x", b"x"))
    assert "too long" in refused(entry("/".join(["d" * 200] * 25), b"x"))
    assert "too long" in refused(entry("d" * 300, b"x"))


def test_A06_sizes_below_zero_are_an_error(refused):
    header = bytearray(packed([entry("x", b"data")])[:512])
    header[124:136] = b"\xff" * 12  # base 256, negative
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    said = refused(data=bytes(header) + b"\0" * 10240)
    assert "damaged" in said or "no tar archive" in said  # as it lies in the archive


@pytest.mark.parametrize("size", [(1 << 62), (8 << 30)])
def test_A06_sizes_beyond_the_archive_are_an_error(refused, size):
    data = bytearray(packed([entry("x", b"data")]))
    data[124:136] = struct.pack(">IQ", 0x80000000, size)
    data[148:156] = b" " * 8
    data[148:156] = b"%06o\0 " % sum(data[:512])
    began = time.monotonic()
    assert refused(data=bytes(data))
    assert time.monotonic() - began < 60


@pytest.mark.parametrize(
    "records", [{"size": "-512"}, {"path": "a\0b"}, {"GNU.sparse.map": "0,-1", "GNU.sparse.size": "9"}]
)
def test_A06_extended_headers_that_lie_are_an_error(refused, records):
    assert refused(entry("x", b"data", pax_headers=records))


def test_A07_what_is_kept_and_what_is_dropped(images):
    root = images.root(
        entry("null", type=tarfile.CHRTYPE, devmajor=1, devminor=3),
        entry("sda", type=tarfile.BLKTYPE, devmajor=8, devminor=0),
        entry("pipe", type=tarfile.FIFOTYPE),
        entry("odd", b"1234567", type=b"Z"),
        entry("su", b"#!", mode=0o6755, uid=0, gid=5),
        entry(
            "noted", b"x", pax_headers={"SCHILY.xattr.user.note": "yes", "SCHILY.xattr.security.capability": "\1\0\0\2"}
        ),
        entry("l/" + "ong" * 60 + "/name", b"long"),
        folder("sticky", mode=0o1777),
    )
    assert sorted(os.listdir(root)) == ["l", "noted", "sticky", "su"]
    assert stat.S_IMODE((root / "su").stat().st_mode) == 0o6755
    assert stat.S_IMODE((root / "sticky").stat().st_mode) == 0o1777
    assert (root / "su").stat().st_gid == 5
    assert os.listxattr(root / "noted") in (["user.note"], [])
    assert (root / "l" / ("ong" * 60) / "name").read_text() == "long"
    record = (root.parent / "image.json").read_text()
    for dropped in ('"device": 2', '"fifo": 1', '"unknown": 1', '"attribute"'):
        assert dropped in record


@pytest.mark.parametrize("form", ["--format=gnu", "--format=posix", "--format=oldgnu"])
def test_A07_sparse_files_and_long_names_of_GNU_tar(images, form):
    source = images.folder / "source"
    deep = source / ("deep" * 40) / ("er" * 80)
    deep.mkdir(parents=True)
    with (deep / "sparse").open("wb") as file:
        file.seek(5 << 20)
        file.write(b"middle")
        file.truncate(50 << 20)
    (deep / "to").symlink_to("t" * 150)
    archive = images.folder / "sparse.tar"
    subprocess.run(["tar", form, "--sparse", "-cf", archive, "-C", source, "."], check=True)
    found = Path(images.take(archive).overlays[0].lowers[0]) / ("deep" * 40) / ("er" * 80)
    assert (found / "sparse").read_bytes() == (deep / "sparse").read_bytes()
    assert (found / "sparse").stat().st_blocks * 512 < 1 << 20
    assert os.readlink(found / "to") == "t" * 150


def test_A08_a_bomb_is_stopped_by_its_ratio(refused):
    bomb = gzip.compress(packed([entry("zeros", bytes(40 << 20))]))
    said = refused(data=bomb, limits=UnpackLimits(ratio=200, ratio_from_bytes=1 << 20))
    assert "decompression bomb" in said


@pytest.mark.parametrize(
    ("limits", "why"),
    [
        (UnpackLimits(members=10), "more than 10 members"),
        (UnpackLimits(total_bytes=1000), "more than 1000 bytes"),
        (UnpackLimits(header_bytes=2048), "header of"),
    ],
)
def test_A08_each_limit_stops_what_passes_it(refused, limits, why):
    members = [entry(f"{number}", b"x" * 200) for number in range(20)]
    members[5:5] = [entry("n" * 100, pax_headers={"comment": "c" * 4000})]
    assert why in refused(*members, limits=limits)


def test_A08_holes_count_as_what_they_become(refused):
    huge = {"GNU.sparse.map": "0,1", "GNU.sparse.size": str(1 << 50), "GNU.sparse.numblocks": "1"}
    assert "more than" in refused(entry("holes", b"x", pax_headers=huge))


def test_A08_time_and_memory_have_limits(refused):
    assert "longer than" in refused(data=packed([entry("x", bytes(200 << 20))]), limits=UnpackLimits(timeout_s=0.0))
    assert "unpack" in refused(entry("x", bytes(8 << 20)), limits=UnpackLimits(memory_bytes=1 << 20))


@pytest.mark.parametrize("pack", [bytes, gzip.compress, lzma.compress, zstandard.ZstdCompressor().compress])
@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_A09_an_archive_that_is_cut_short_is_never_an_image(refused, pack, share):
    data = pack(packed([entry(f"{number}", os.urandom(5000)) for number in range(40)]))
    assert refused(data=data[: int(len(data) * share)])


def test_A09_a_byte_that_changed_is_found_by_the_checksum(refused):
    data = bytearray(gzip.compress(packed([entry("x", os.urandom(50000))]), compresslevel=0))
    data[len(data) // 2] ^= 1
    assert "damaged" in refused(data=bytes(data))


@pytest.mark.parametrize(
    "data", [b"", b"\0" * 100, b"<html>not found</html>" * 100, b"\x1f\x8b", b"PK\3\4" + bytes(600)]
)
def test_A09_what_is_no_archive_is_refused(refused, data):
    assert refused(data=data)


@pytest.mark.parametrize("wanted", ["0" * 64, "0" * 63, "abc", ""])
def test_A09_a_wrong_digest_names_both(images, wanted):
    path = images.write(packed([entry("x", b"data")]))
    found = subprocess.run(["sha256sum", path], check=True, capture_output=True, text=True).stdout.split()[0]
    with pytest.raises(ImageError) as caught:
        images.take(path, wanted)
    assert wanted in caught.value.detail
    assert found in caught.value.detail
    assert caught.value.remedy
    assert images.left() == []


@pytest.mark.parametrize("name", ["a:b,c\\d", "new\nline", "\udcff\udcfe", "\u3042", " ", "-rf", "a=b", "tab\tbell\a"])
def test_A11_odd_names_are_kept(images, name):
    root = images.root(entry(f"{name}/{name}", b"odd"))
    assert (root / name / name).read_bytes() == b"odd"


@pytest.mark.parametrize("name", ["a:b,c\\d", "new\nline", " ", "\u3042"])
def test_A11_archives_and_stores_with_odd_names(images, tmp_path, name):
    images.store = Store(str(tmp_path / name / "home"))
    image = images.take(images.write(packed([entry("x", b"data")]), f"{name}.tar"))
    assert Path(image.overlays[0].lowers[0], "x").read_bytes() == b"data"


def test_A12_times_far_away_and_ids_too_large(images):
    times = {"1901": -2147483648, "1970": 0, "2038": 1 << 31, "2446": 15032385535, "far": 1 << 60, "before": -(1 << 60)}
    root = images.root(
        *(entry(name, b"x", mtime=mtime) for name, mtime in times.items()),
        entry("nan", b"x", pax_headers={"mtime": "nan"}),
        entry("ids", b"x", uid=70000, gid=1 << 40),
        entry("edge", b"x", uid=65534, gid=65535),
        folder("old", mtime=1000),
        entry("old/new", b"x", mtime=2000),
    )
    assert int((root / "2038").stat().st_mtime) == 1 << 31
    assert int((root / "old").stat().st_mtime) == 1000
    assert ((root / "ids").stat().st_uid, (root / "ids").stat().st_gid) == (65534, 65534)
    assert ((root / "edge").stat().st_uid, (root / "edge").stat().st_gid) == (65534, 65534)
    assert '"owner": 2' in (root.parent / "image.json").read_text()


@pytest.mark.slow_in_vm
@pytest.mark.timeout(300)
def test_A12_very_many_small_files(images):
    count = 10_000
    root = images.root(*(entry(f"{number // 1000}/{number}", b"x") for number in range(count)))
    assert sum(len(names) for _, _, names in os.walk(root)) == count
    images.store.remove(root.parent.name)
    assert images.left() == []
