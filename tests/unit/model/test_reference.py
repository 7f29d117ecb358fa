"""What people write where a root filesystem is wanted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.model.distro import Source, SourceKind
from farm.model.reference import RegistryImage, is_downgrade, is_loopback, registry_image, remote

SHA256 = "ab" * 32


@pytest.mark.parametrize(
    ("written", "image"),
    [
        ("oci://registry.example/alpine", RegistryImage("registry.example", "alpine")),
        ("oci://registry.example/alpine:3.20", RegistryImage("registry.example", "alpine", "3.20")),
        ("oci://localhost:5000/a/b-c/d_e.f:T-1", RegistryImage("localhost:5000", "a/b-c/d_e.f", "T-1")),
        (f"oci://r.example/a@sha256:{SHA256}", RegistryImage("r.example", "a", "latest", SHA256)),
        (f"oci://r.example/a:1@sha256:{SHA256}", RegistryImage("r.example", "a", "1", SHA256)),
        ("oci://[::1]:5000/a:1", RegistryImage("[::1]:5000", "a", "1")),
    ],
)
def test_an_image_of_a_registry_is_taken_apart(written, image):
    assert registry_image(written) == image
    assert remote(written) == Source(SourceKind.REGISTRY, written)


@pytest.mark.parametrize(
    ("written", "host", "repository", "logins"),
    [
        (
            "docker.io/library/debian:12",
            "registry-1.docker.io",
            "library/debian",
            ("https://index.docker.io/v1/", "docker.io"),
        ),
        ("docker.io/debian", "registry-1.docker.io", "library/debian", ("https://index.docker.io/v1/", "docker.io")),
        (
            "docker.io/gentoo/stage3",
            "registry-1.docker.io",
            "gentoo/stage3",
            ("https://index.docker.io/v1/", "docker.io"),
        ),
        ("quay.io/centos/centos:stream9", "quay.io", "centos/centos", ("quay.io",)),
        ("localhost:5000/debian", "localhost:5000", "debian", ("localhost:5000",)),
    ],
)
def test_dockers_own_registry_answers_under_another_name(written, host, repository, logins):
    image = registry_image(f"oci://{written}")
    assert (image.host, image.repository, image.logins) == (host, repository, logins)


@pytest.mark.parametrize(
    "written",
    [
        "oci://",
        "oci://registry.example",
        "oci://registry.example/",
        "oci://registry.example/Upper",
        "oci://registry.example/a:",
        "oci://registry.example/a:b:c",
        "oci://registry.example/../a",
        "oci://registry.example/a@sha256:short",
        "oci://user:password@registry.example/a",
        "oci://registry.example/a?x",
        "oci:///a",
    ],
)
def test_what_names_no_image_is_a_sentence(written):
    assert registry_image(written) is None
    assert "names no image" in remote(written)


@pytest.mark.parametrize(
    ("written", "sha256", "told"),
    [
        ("https://", None, "names no server"),
        ("https://host:port/x", None, "is no address"),
        ("https://[::1/x", None, "is no address"),
        ("https://user:secret@host/x", None, "must hold no password"),
        ("http://host/x", None, "give its sha256"),
        ("ftp://host/x", None, "ftp:// is not known"),
        ("oci://r.example/a", SHA256, "write @sha256"),
    ],
)
def test_addresses_that_are_none_are_told(written, sha256, told):
    found = remote(written, sha256)
    assert isinstance(found, str)
    assert told in found
    assert "secret" not in found


@pytest.mark.parametrize(
    ("written", "sha256"),
    [("https://host/x.tar", None), ("http://host/x.tar", SHA256), ("http://127.0.0.1:8000/x.tar", None)],
)
def test_addresses_of_web_servers(written, sha256):
    assert remote(written, sha256) == Source(SourceKind.URL, written, sha256)


@pytest.mark.parametrize("written", ["host", "a.tar", "./a", "/a/b", "../x://y", "a:b", ""])
def test_paths_are_nobody_elses(written):
    assert remote(written) is None


@given(st.text(st.sampled_from("ho:/[]@.1%?#\0\n\u0130 aA"), max_size=30))
def test_whatever_is_written_is_a_source_or_a_sentence_or_a_path(text):
    for scheme in ("", "http://", "https://", "oci://"):
        assert isinstance(remote(scheme + text), Source | str | None)


@pytest.mark.parametrize("host", ["localhost", "localhost:5000", "127.0.0.1", "127.1.2.3:80", "[::1]:5000", "::1"])
def test_loopback(host):
    assert is_loopback(host)


@pytest.mark.parametrize(
    ("asked", "reached", "downgrade"),
    [
        ("https://host/x", "https://host/x", False),
        ("https://host/x", "https://mirror/x", False),
        ("https://host/x", "http://mirror/x", True),
        ("https://host/x", "http://127.0.0.1:80/x", False),
        ("http://127.0.0.1/x", "http://127.0.0.1/x", False),
        ("http://127.0.0.1/x", "http://host/x", True),
        ("https://host/x", "http://127.0.0.1.example/x", True),
    ],
)
def test_redirects_from_https_to_http_are_known(asked, reached, downgrade):
    assert is_downgrade(asked, reached) == downgrade


@pytest.mark.parametrize("host", ["127.0.0.1.example", "localhost.example", "10.0.0.1", "1127.0.0.1", "example:127"])
def test_not_loopback(host):
    assert not is_loopback(host)
