"""Remedies of a failed prepare: one where something speaks for it, and none otherwise."""

from __future__ import annotations

import pytest

from farm.image.advice import advice
from farm.model.build import Network

UNREACHED = [
    "Temporary failure resolving 'deb.debian.org'",  # apt
    "E: Failed to fetch http://deb.debian.org/debian/x.deb  Could not connect to deb.debian.org:80",
    "WARNING: fetching https://dl-cdn.alpinelinux.org/alpine/v3.20/main: temporary error (try again later)",  # apk
    "WARNING: fetching https://dl-cdn.alpinelinux.org/alpine/v3.20/main: DNS lookup error",
    "curl: (6) Could not resolve host: example.org",
    "curl: (7) Failed to connect to 192.0.2.1 port 80: Network is unreachable",
    "wget: bad address 'example.org'",  # busybox
    "wget: unable to resolve host address \u2018example.org\u2019",
    "ping: example.org: Name or service not known",
    "ssh: connect to host 127.0.0.1 port 22: Connection refused",
    "fatal: unable to access 'https://example.org/': Could not resolve host: example.org",
    "Error: Failed to download metadata for repo 'baseos': Cannot prepare internal mirrorlist: Curl error (6)",
    "Download (curl) error for 'http://download.opensuse.org/x': Error code: Connection failed",
    "error: failed to synchronize all databases (failed to retrieve some files)",  # pacman
    "getent: No address associated with hostname",
    "socket.gaierror: [Errno -3] Temporary failure in name resolution",
    "pip: NewConnectionError: Failed to establish a new connection: [Errno -2] Name does not resolve",
]
OTHERS = [
    "make: *** [Makefile:3: all] Error 2",
    "sh: 3: frobnicate: not found",
    "Killed",
    "error: connection of the two modules is ambiguous",
    "test_address ... failed",
    "resolving dependencies ... ok",
]


@pytest.mark.parametrize("line", UNREACHED)
def test_where_something_was_not_reached_the_network_is_spoken_of(line: str) -> None:
    assert "network: host" in advice("./setup", ["begun", line, "make: *** Error 1"], Network.NONE, on_host=False)
    assert advice("./setup", [line], Network.HOST, on_host=False) == ""


@pytest.mark.parametrize("line", OTHERS)
def test_any_other_failure_has_no_advice(line: str) -> None:
    assert advice("./setup", [line], Network.NONE, on_host=False) == ""


@pytest.mark.parametrize(
    ("script", "line"),
    [
        ("set -e\napt-get update && apt-get install -y make", ""),
        ("dnf install -y make", ""),
        ("./setup", "E: Unable to locate package make"),
        ("./setup", "E: Could not open lock file /var/lib/dpkg/lock-frontend - open (2: No such file or directory)"),
        ("./setup", "dpkg: error: cannot scan updates directory"),
    ],
)
def test_packages_are_not_installed_on_the_host_image(script: str, line: str) -> None:
    for network in Network:
        assert "empty /var" in advice(script, [line], network, on_host=True)
        assert "empty /var" not in advice(script, [line], network, on_host=False)


def test_another_failure_on_the_host_image_has_no_advice() -> None:
    assert advice("adapt the thing; exit 3", ["it was said"], Network.HOST, on_host=True) == ""
