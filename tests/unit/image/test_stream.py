"""Compressed bytes come out as they went in, in pieces of any size, or the archive is refused."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from farm.errors import ImageError
from farm.image.limits import UnpackLimits
from farm.image.packed import Packed, compression
from farm.image.stream import Stream

DATA = random.Random(1).randbytes(300_000) + bytes(500_000) + b"end"
PACKERS = {
    "": bytes,
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": zstandard.ZstdCompressor().compress,
}


def _stream(path: Path, data: bytes, limits: UnpackLimits | None = None) -> Stream:
    path.write_bytes(data)
    return Stream(Packed(os.open(path, os.O_RDONLY)), limits or UnpackLimits())


@pytest.mark.parametrize("kind", PACKERS)
@pytest.mark.parametrize("parts", [1, 3])
def test_what_goes_in_comes_out(tmp_path: Path, kind: str, parts: int) -> None:
    size = len(DATA) // parts + 1
    data = b"".join(PACKERS[kind](DATA[at : at + size]) for at in range(0, len(DATA), size))
    stream = _stream(tmp_path / "x", data)
    assert compression(data) == kind
    out = os.open(tmp_path / "out", os.O_RDWR | os.O_CREAT)
    head = stream.read(100)
    stream.copy(out, 400_000)
    stream.skip(1000)
    assert stream.tell() == 401_100
    rest = stream.read(len(DATA) - 401_100)
    assert head + os.pread(out, 500_000, 0) == DATA[:400_100]
    assert rest == DATA[401_100:]
    assert stream.read(1) == b""
    os.close(out)


@pytest.mark.parametrize("kind", ["gzip", "bzip2", "xz"])
def test_zeros_after_the_end_are_padding_and_rubbish_is_not(tmp_path: Path, kind: str) -> None:
    packed = PACKERS[kind](DATA)
    _stream(tmp_path / "x", packed + bytes(10_000)).drain()
    with pytest.raises(ImageError, match="damaged"):
        _stream(tmp_path / "x", packed + b"rubbish").drain()


@pytest.mark.parametrize(
    "use", [lambda stream: stream.skip(10**9), lambda stream: stream.copy(1, 0) or stream.skip(10**7)]
)
def test_bytes_that_are_missing_are_an_error(tmp_path: Path, use: Callable[[Stream], None]) -> None:
    with pytest.raises(ImageError, match="cut short"):
        use(_stream(tmp_path / "x", gzip.compress(DATA)))


@pytest.mark.parametrize("size", [-1, (1 << 20) + 1, 1 << 62])
def test_headers_of_absurd_sizes_are_an_error(tmp_path: Path, size: int) -> None:
    with pytest.raises(ImageError, match="header"):
        _stream(tmp_path / "x", DATA).read(size)
