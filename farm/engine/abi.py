"""What the programs of an image are to this host's processor: of its own kind, or of the 32-bit kind it runs as well."""

from __future__ import annotations

import platform

from farm.kernel import process
from farm.model.distro import Image

_NARROW = {"x86_64": "i686", "aarch64": "armv7l"}


def is_narrow(image: Image) -> bool:
    """The image's programs are 32-bit ones on a 64-bit kernel."""
    return bool(image.facts.arch) and image.facts.arch == _NARROW.get(platform.machine())


def personality(image: Image) -> int:
    """The execution domain that makes ``uname -m`` answer as the image's distribution would."""
    return process.PER_LINUX32 if is_narrow(image) else 0
