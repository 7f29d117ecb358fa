"""The reader of archives beside Python's own: the same members, and an error instead of a guess."""

from __future__ import annotations

import contextlib
import io
import os
import random
import tarfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from farm.errors import ImageError
from farm.image.archive import members
from farm.image.header import DEVICE, FIFO, FILE, FOLDER, HARD_LINK, SYMLINK, UNKNOWN, Member, Parser, number
from farm.image.limits import UnpackLimits
from farm.image.packed import Packed
from farm.image.stream import Stream

KINDS = {
    tarfile.REGTYPE: FILE, tarfile.AREGTYPE: FILE, tarfile.CONTTYPE: FILE, tarfile.DIRTYPE: FOLDER, tarfile.SYMTYPE: SYMLINK,
    tarfile.LNKTYPE: HARD_LINK, tarfile.CHRTYPE: DEVICE, tarfile.BLKTYPE: DEVICE, tarfile.FIFOTYPE: FIFO,
}  # fmt: skip
FORMATS = [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]
MOST = UnpackLimits().header_bytes

names = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=300)
entries = st.tuples(
    names, st.sampled_from(sorted(KINDS)), names, st.integers(0, 0o7777), st.integers(0, 2**40), st.binary(max_size=700)
)


def _read(path: Path, data: bytes) -> list[tuple[Member, bytes]]:
    path.write_bytes(data)
    fd = os.open(path, os.O_RDONLY)
    try:
        stream = Stream(Packed(fd), UnpackLimits())
        return [(each, stream.read(_bytes_of(each))) for each in members(stream, MOST)]
    finally:
        os.close(fd)


def _bytes_of(member: Member) -> int:
    return member.data_bytes if member.pieces is None else sum(length for _, length in member.pieces)


def _packed(form: int, *wanted: tarfile.TarInfo, data: bytes = b"", **options: object) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form, **options) as archive:  # type: ignore[call-overload]
        for each in wanted:
            archive.addfile(each, io.BytesIO(data) if each.isreg() else None)
    return buffer.getvalue()


@given(st.sampled_from(FORMATS), st.lists(entries, max_size=5))
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_its_members_are_those_that_tarfile_reads(
    tmp_path: Path, form: int, wanted: list[tuple[str, bytes, str, int, int, bytes]]
) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        for name, kind, link, mode, uid, data in wanted:
            # A file of the oldest kind with a slash at its end is a folder, which has no data.
            info = tarfile.TarInfo(name if kind != tarfile.AREGTYPE else name.rstrip("/") or "x")
            info.type, info.linkname, info.mode, info.uid, info.mtime = kind, link, mode, uid, uid
            info.size = len(data) if info.isreg() else 0
            try:
                archive.addfile(info, io.BytesIO(data))
            except ValueError:  # ustar cannot say that
                continue
    buffer.seek(0)
    found = _read(tmp_path / "x.tar", buffer.getvalue())
    with tarfile.open(fileobj=buffer) as archive:
        for (ours, data), theirs in zip(found, archive, strict=True):
            expected = (theirs.name, KINDS[theirs.type], theirs.mode, theirs.uid, theirs.gid, theirs.mtime)
            told = (ours.name.rstrip("/"), ours.kind, ours.mode, ours.uid, ours.gid, ours.mtime_s)
            assert told == (expected[0].rstrip("/"), *expected[1:])
            if ours.kind in (SYMLINK, HARD_LINK):
                assert ours.link == theirs.linkname
            if ours.kind == FILE:
                kept = archive.extractfile(theirs)
                assert kept is not None
                assert data == kept.read()


def _whole() -> bytes:
    info = tarfile.TarInfo("folder/" + "x" * 150)
    info.size = 700
    info.pax_headers = {"SCHILY.xattr.user.a": "b", "mtime": "1.5"}
    return _packed(tarfile.PAX_FORMAT, info, tarfile.TarInfo("y"), data=b"d" * 700)


@given(st.integers(0), st.integers(1, 20))
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_else_it_is_given_is_read_or_refused(tmp_path: Path, seed: int, changes: int) -> None:
    data, chosen = bytearray(_whole()[:4096]), random.Random(seed)
    for _ in range(changes):
        data[chosen.randrange(len(data))] = chosen.choice((0, 32, 48, 55, 57, 61, 128, 255, chosen.randrange(256)))
    for start in range(0, len(data), 512):  # so that the checksum is not all that is wrong
        block = data[start : start + 512]
        block[148:156] = b" " * 8
        data[start + 148 : start + 156] = b"%06o\0 " % sum(block)
    with contextlib.suppress(ImageError):
        _read(tmp_path / "x.tar", bytes(data))


def _block(**fields: bytes) -> bytes:
    places = {"name": 0, "mode": 100, "uid": 108, "size": 124, "mtime": 136, "flag": 156, "magic": 257, "prefix": 345}
    block = bytearray(512)
    for name, value in fields.items():
        block[places[name] : places[name] + len(value)] = value
    block[148:156] = b"%06o\0 " % (sum(block) + 8 * 32)
    return bytes(block)


def test_the_oldest_archives_tell_a_folder_by_its_slash() -> None:
    assert Parser().parse(_block(name=b"a/", mode=b"    755 ")).kind == FOLDER
    assert Parser().parse(_block(name=b"a", flag=b"D")).kind == UNKNOWN


def test_only_POSIX_archives_have_a_prefix() -> None:
    assert Parser().parse(_block(name=b"b", prefix=b"a", magic=b"ustar\x0000")).name == "a/b"
    assert Parser().parse(_block(name=b"b", prefix=b"12345670123", magic=b"ustar  \0")).name == "b"


def test_checksums_of_signed_characters_are_right_too() -> None:
    block = bytearray(_block(name="ä".encode()))
    block[148:156] = b"%06o\0 " % (sum(block) - sum(block[148:156]) + 8 * 32 - 2 * 256)
    assert Parser().parse(bytes(block)).name == "ä"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (b"0000644\0", 0o644), (b"  644 \0 ", 0o644), (b"        ", 0), (bytes(8), 0), (b"00000644", 0o644),
        (b"\x80\0\0\0\0\0\1\0", 256), (b"\x80" + b"\xff" * 7, 2**56 - 1),
    ],
)  # fmt: skip
def test_numbers(field: bytes, value: int) -> None:
    assert number(field) == value


@pytest.mark.parametrize(
    "field", [b"0000648\0", b"0o17\0\0\0\0", b"-17\0\0\0\0\0", b"1_7\0\0\0\0\0", b"\xff" * 8, b"x" * 8]
)
def test_what_is_no_number_is_refused(tmp_path: Path, field: bytes) -> None:
    with pytest.raises(ImageError, match="no tar archive"):
        _read(tmp_path / "x.tar", _block(name=b"a", size=field) + bytes(1024))


def test_a_time_may_lie_before_1970() -> None:
    assert Parser().parse(_block(name=b"a", mtime=b"\xff" * 11 + b"\xfe")).mtime_s == -2


def test_records_of_the_whole_archive_hold_until_a_member_says_otherwise(tmp_path: Path) -> None:
    plain, own, none = tarfile.TarInfo("a"), tarfile.TarInfo("b"), tarfile.TarInfo("c")
    own.pax_headers = {"SCHILY.xattr.user.x": "2"}
    data = _packed(tarfile.PAX_FORMAT, plain, own, none, pax_headers={"SCHILY.xattr.user.x": "1"})
    assert [each.attributes for each, _ in _read(tmp_path / "x.tar", data)] == [
        {"user.x": b"1"}, {"user.x": b"2"}, {"user.x": b"1"},
    ]  # fmt: skip


@pytest.mark.parametrize(
    "records",
    [
        b"5 a=b\n",
        b"99 path=x\n",
        b"9 path=x\n\n",
        b"8 path=x",
        b"10 path x\n",
        b"x path=x\n",
        b"7 size=\xff\n",
        b"-9 path=x\n",
    ],
)
def test_records_that_lie_are_refused(tmp_path: Path, records: bytes) -> None:
    header = _block(name=b"x", flag=b"x", size=b"%o" % len(records))
    with pytest.raises(ImageError, match="damaged"):
        _read(tmp_path / "x.tar", header + records.ljust(512, b"\0") + _block(name=b"a") + bytes(1024))


@pytest.mark.parametrize(
    "numbers", [b"1\n0\n", b"2\n0\n1\n5\n", b"x\n", b"1\n0\n-5\n", b"9999999999999999999999\n", b"1\n0\n4096\n"]
)
def test_maps_of_sparse_files_that_lie_are_refused(tmp_path: Path, numbers: bytes) -> None:
    info = tarfile.TarInfo("x")
    info.size = 512
    info.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "9000"}
    data = _packed(tarfile.PAX_FORMAT, info, data=numbers.ljust(512, b"\0"))
    with pytest.raises(ImageError, match=r"damaged|sparse"):
        _read(tmp_path / "x.tar", data)
