"""Documents of images, which come from elsewhere."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.errors import ImageError
from farm.image import manifest
from farm.image.manifest import Descriptor

SHA256 = "ab" * 32
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just(f"sha256:{SHA256}"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["manifests", "layers", "digest", "size", "platform", "mediaType"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


def listed(architecture, digit, **more):
    platform = {"platform": {"architecture": architecture, "os": more.pop("os", "linux")}} if architecture else {}
    return {"mediaType": manifest.MANIFESTS[0], "digest": f"sha256:{digit * 64}", "size": 3, **platform, **more}


@pytest.mark.parametrize(
    ("entries", "machine", "digit"),
    [
        ([listed("arm64", "a"), listed("amd64", "b")], "x86_64", "b"),
        ([listed("arm64", "a"), listed("amd64", "b")], "aarch64", "a"),
        ([listed("386", "a")], "x86_64", "a"),
        ([listed("386", "a"), listed("amd64", "b")], "x86_64", "b"),
        ([listed("amd64", "a", os="windows"), listed("amd64", "b")], "x86_64", "b"),
        ([listed("", "a")], "x86_64", "a"),
        ([listed("unknown", "a"), listed("amd64", "b"), listed("amd64", "c")], "x86_64", "b"),
    ],
)
def test_the_image_for_a_machine_is_the_first_of_its_best_kind(entries, machine, digit):
    assert manifest.for_machine({"manifests": entries}, machine, "x") == Descriptor(
        manifest.MANIFESTS[0], digit * 64, 3
    )


def test_without_one_those_that_there_are_are_named():
    with pytest.raises(ImageError, match=r"(?s)riscv64 is wanted; there are: amd64, arm64"):
        manifest.for_machine({"manifests": [listed("arm64", "a"), listed("amd64", "b")]}, "riscv64", "x")


def test_another_digest_names_both():
    with pytest.raises(ImageError, match=f"(?s){SHA256}.*{manifest.digest(b'{}')}"):
        manifest.document(b"{}", SHA256, "x")


@pytest.mark.parametrize("kind", ["application/vnd.wasm.content.layer.v1+wasm", "text/plain", "x.tar+encrypted", ""])
def test_a_layer_that_is_no_archive_is_refused(kind):
    with pytest.raises(ImageError, match="no archive"):
        manifest.layers({"layers": [{"mediaType": kind, "digest": f"sha256:{SHA256}", "size": 1}]}, "x")


@pytest.mark.parametrize(
    ("config", "machine", "fits"),
    [
        ({"architecture": "amd64", "os": "linux"}, "x86_64", True),
        ({"architecture": "386", "os": "linux"}, "x86_64", True),
        ({"architecture": "386", "os": "linux"}, "i686", True),
        ({"architecture": "amd64"}, "i686", False),
        ({"architecture": "arm64", "os": "linux"}, "x86_64", False),
        ({"architecture": "amd64", "os": "windows"}, "x86_64", False),
        ({"architecture": "vax"}, "vax", True),
        ({}, "x86_64", True),
    ],
)
def test_a_configuration_says_for_which_machine_it_is(config, machine, fits):
    with contextlib.nullcontext() if fits else pytest.raises(ImageError, match=f"(?s)not for this machine.*{machine}"):
        manifest.check_machine(config, machine, "x")


@given(JSON)
def test_whatever_comes_is_read_or_one_error(given):
    data = json.dumps(given).encode()
    for read in (
        lambda: manifest.layers(manifest.document(data, None, "x"), "x"),
        lambda: manifest.for_machine(manifest.document(data, None, "x"), "x86_64", "x"),
        lambda: manifest.saved_layers(given, "x"),
        lambda: manifest.config(manifest.document(data, None, "x"), "x"),
        lambda: manifest.check_machine(manifest.document(data, None, "x"), "x86_64", "x"),
    ):
        with contextlib.suppress(ImageError):
            read()
