"""What people write where a root filesystem is wanted, and where it leads: pure.

=====================================  =============================================================================
``host``                               this host's own
``https://...``, ``http://...``        a tarball, or an OCI or ``docker save`` archive, from a web server
``oci://REGISTRY/NAME[:TAG][@DIGEST]`` an image of a registry; the tag is ``latest`` where there is neither
anything else                          a path of a tarball, of a directory, or of an OCI image layout
=====================================  =============================================================================
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from farm.model.distro import Source, SourceKind
from farm.values import dataclass

HOST = "host"
_OCI = "oci://"
_DOCKER = ("docker.io", "index.docker.io")
# The distribution spec's own words for names and tags; a registry is a host, which may have a port.
_REGISTRY = re.compile(
    r"(?P<registry>[A-Za-z0-9][A-Za-z0-9.-]*(?::[0-9]{1,5})?|\[[0-9a-f:]+\](?::[0-9]{1,5})?)"
    r"/(?P<name>[a-z0-9]+(?:[._/-]+[a-z0-9]+)*)"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9._-]{0,127}))?"
    r"(?:@sha256:(?P<digest>[0-9a-f]{64}))?"
)


@dataclass(frozen=True, slots=True)
class RegistryImage:
    """An image of a registry; ``digest``, 64 hex digits or empty, counts before ``tag``."""

    registry: str
    name: str
    tag: str = "latest"
    digest: str = ""

    @property
    def host(self) -> str:
        """Who is asked for it. Docker's own registry answers under another name than the one that images have."""
        return "registry-1.docker.io" if self.registry in _DOCKER else self.registry

    @property
    def repository(self) -> str:
        """What it is asked for: Docker writes its own images without their folder."""
        return f"library/{self.name}" if self.registry in _DOCKER and "/" not in self.name else self.name

    @property
    def logins(self) -> tuple[str, ...]:
        """What ``docker login`` and its kin call the registry in their files."""
        return ("https://index.docker.io/v1/", "docker.io") if self.registry in _DOCKER else (self.registry,)


def remote(written: str, sha256: str | None = None) -> Source | str | None:
    """The source that ``written`` names on another machine; None for a path or ``host``, a sentence for what is wrong."""
    if written.startswith(_OCI):
        if sha256 is not None:
            return "an image of a registry has no sha256: write @sha256:... at the end of its name"
        if registry_image(written) is None:
            return f"{written!r} names no image: write oci://registry/name:tag, all of the name in lower case"
        return Source(SourceKind.REGISTRY, written)
    if written.startswith(("https://", "http://")):
        return _url(written, sha256)
    scheme, separator, _ = written.partition("://")
    if separator and scheme.isalnum():
        return f"{scheme}:// is not known: write https://, http:// or oci://"
    return None


def registry_image(written: str) -> RegistryImage | None:
    """``written`` taken apart, or None where it is no such name."""
    found = _REGISTRY.fullmatch(written.removeprefix(_OCI))
    if found is None:
        return None
    return RegistryImage(found["registry"], found["name"], found["tag"] or "latest", found["digest"] or "")


def is_loopback(host: str) -> bool:
    """Nobody else can be on the way to ``host``, which may have a port."""
    return re.fullmatch(r"(localhost|127(\.[0-9]{1,3}){3}|\[::1\])(:[0-9]+)?|::1", host) is not None


def is_downgrade(asked: str, reached: str) -> bool:
    """Whether redirects led from ``asked`` to a place on the way from which others may have changed what comes."""
    parts = urlsplit(reached)
    return reached != asked and parts.scheme != "https" and not is_loopback(parts.hostname or "")


def _url(written: str, sha256: str | None) -> Source | str:
    try:
        parts = urlsplit(written)
        host = parts.hostname
        _ = parts.port  # a number, or ValueError
    except ValueError as error:
        return f"{written!r} is no address: {error}"
    if not host:
        return f"{written!r} is no address: it names no server"
    if parts.username is not None:
        return "an address shows in reports and must hold no password: put it into ~/.netrc"
    if parts.scheme == "http" and sha256 is None and not is_loopback(host):
        return "what comes over http:// may be anything: give its sha256, or use https://"
    return Source(SourceKind.URL, written, sha256)
