"""What is written of an image is what is read, wherever the store has moved to."""

from __future__ import annotations

import pytest

from farm.errors import ImageError
from farm.image.record import Details, decode, encode
from farm.model.distro import Facts, Image, Overlay

DIGEST = "5" * 64


def test_an_image_reads_as_it_was_written_with_its_folder_moved() -> None:
    overlays = (Overlay("/", ("/a/staging/1/rootfs",)), Overlay("/usr", ("/a/staging/1/masks/usr", "/usr")))
    image = Image(DIGEST, "x \udcff.tar", overlays, Facts(id="debian", arch="x86_64"), 17)
    about = Details(1.5, 3, (("device", 2),), "root", "ab" * 32, 4096)
    read, details = decode(encode(image, about, "/a/staging/1"), "/b/store/5")
    assert details == about
    assert read.overlays == (Overlay("/", ("/b/store/5/rootfs",)), Overlay("/usr", ("/b/store/5/masks/usr", "/usr")))
    assert (read.digest, read.source, read.facts, read.size_bytes) == (DIGEST, image.source, image.facts, 17)


@pytest.mark.parametrize("text", [b"", b"{}", b"[]", b'{"version": 2}', b'{"version": 1}', b"\xff", b"[" * 5000])
def test_a_damaged_record_says_what_to_do(text: bytes) -> None:
    with pytest.raises(ImageError) as caught:
        decode(text, "/store/x")
    assert "/store/x" in caught.value.remedy
