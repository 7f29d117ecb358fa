"""What an OCI image is made of, read from its documents: pure. See the image spec's ``manifest.md`` and ``image-index.md``.

Docker's older documents (manifest list, manifest of schema 2, the ``manifest.json`` of ``docker save``) say the same in the
same words and are read as well. Everything in them comes from elsewhere: what does not look as it should is an ``ImageError``.
"""

from __future__ import annotations

import hashlib
import json
import re

from farm.errors import ImageError
from farm.values import dataclass

INDEXES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
MANIFESTS = ("application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json")
MOST_BYTES = 4 << 20
"""The longest document: what registries accept at the most."""

_MOST_LAYERS = 512
_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
_ARCHITECTURES = {
    "x86_64": ("amd64", "386"),
    "aarch64": ("arm64", "arm"),
    "i686": ("386",),
    "armv7l": ("arm",),
    "ppc64le": ("ppc64le",),
    "s390x": ("s390x",),
    "riscv64": ("riscv64",),
}
_REMEDY = "it has to be an image as the OCI image specification has it"


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A blob of an image: ``sha256`` is 64 hex digits, ``size_bytes`` its length."""

    media_type: str
    sha256: str
    size_bytes: int


def digest(data: bytes) -> str:
    """sha256 of a document, which names it."""
    return hashlib.sha256(data).hexdigest()


def document(data: bytes, sha256: str | None, name: str) -> dict[str, object]:
    """The JSON object in ``data``. ``ImageError`` where it is none, or where it has another digest than ``sha256``."""
    found = digest(data)
    if sha256 is not None and found != sha256:
        raise ImageError(
            f"{name} has the wrong digest", f"wanted sha256 {sha256}, found {found}", "look at what the registry serves"
        )
    try:
        given = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ImageError(f"{name} is no image", f"a document of it is no JSON: {error}", _REMEDY) from error
    if not isinstance(given, dict):
        raise _wrong(name, "a document of it is no object")
    return given


def is_index(given: dict[str, object]) -> bool:
    """It lists images of several platforms, and is none itself."""
    return isinstance(given.get("manifests"), list)


def for_machine(index: dict[str, object], machine: str, name: str) -> Descriptor:
    """The manifest that ``index`` has for ``machine`` (as ``uname -m`` prints it). ``ImageError`` names those it has."""
    there: list[tuple[str, Descriptor]] = []
    listed = index.get("manifests")
    for each in listed if isinstance(listed, list) else ():
        if isinstance(each, dict) and each.get("mediaType", MANIFESTS[0]) in (*MANIFESTS, *INDEXES):
            platform = each.get("platform")
            platform = platform if isinstance(platform, dict) else {}
            if platform.get("os", "linux") == "linux":
                there.append((str(platform.get("architecture", "")), _descriptor(each, name)))
    if len(there) == 1 and not there[0][0]:
        return there[0][1]  # an OCI layout's own index often says nothing of platforms
    for wanted in _ARCHITECTURES.get(machine, (machine,)):
        for architecture, descriptor in there:
            if architecture == wanted:
                return descriptor
    known = ", ".join(sorted({architecture or "unknown" for architecture, _ in there})) or "none"
    raise ImageError(
        f"{name} has nothing for this machine", f"{machine} is wanted; there are: {known}", "name another image"
    )


def config(manifest: dict[str, object], name: str) -> Descriptor | None:
    """The document that says which machine the image is for, or None where the manifest refers to none."""
    given = manifest.get("config")
    return _descriptor(given, name) if given is not None else None


def check_machine(config: dict[str, object], machine: str, name: str) -> None:
    """``ImageError`` where ``config``, an image's configuration, says that it is for another machine or another system."""
    system, architecture = (str(config.get(key) or "") for key in ("os", "architecture"))
    if system not in ("", "linux") or architecture not in ("", *_ARCHITECTURES.get(machine, (machine,))):
        detail = f"{machine} is wanted, and it is for {architecture or 'unknown'} of {system or 'linux'}"
        raise ImageError(f"{name} is not for this machine", detail, "name another image")


def layers(manifest: dict[str, object], name: str) -> tuple[Descriptor, ...]:
    """The layers of an image, the lowest first."""
    listed = manifest.get("layers")
    if not isinstance(listed, list):
        remedy = "push it again with a tool of this decade" if manifest.get("schemaVersion") == 1 else _REMEDY
        raise ImageError(f"{name} is no image", "its manifest has no layers", remedy)
    if len(listed) > _MOST_LAYERS:
        raise _wrong(name, f"its manifest has {len(listed)} layers, more than {_MOST_LAYERS}")
    found = tuple(_descriptor(each, name) for each in listed)
    for each in found:
        if ".tar" not in each.media_type or "+encrypted" in each.media_type:
            raise _wrong(name, f"a layer of it is {each.media_type[:100]!r}, which is no archive")
    return found


def saved_layers(manifest: object, name: str) -> tuple[str, ...]:
    """Paths of the layers in an archive of ``docker save``, whose ``manifest.json`` is ``manifest``; the lowest first."""
    if not isinstance(manifest, list) or len(manifest) != 1 or not isinstance(manifest[0], dict):
        raise _wrong(name, "its manifest.json does not list one image")
    listed = manifest[0].get("Layers")
    if not isinstance(listed, list) or not 0 < len(listed) <= _MOST_LAYERS:
        raise _wrong(name, "its manifest.json lists no layers")
    return tuple(str(each) for each in listed)


def _descriptor(given: object, name: str) -> Descriptor:
    if isinstance(given, dict):
        found = _DIGEST.fullmatch(str(given.get("digest")))
        size = given.get("size")
        if found is not None and isinstance(size, int) and not isinstance(size, bool) and size >= 0:
            return Descriptor(str(given.get("mediaType", "")), found[1], size)
    raise _wrong(name, f"its manifest refers to {str(given)[:200]!r}, which is no sha256 and size")


def _wrong(name: str, detail: str) -> ImageError:
    return ImageError(f"{name} is no image", detail, _REMEDY)
