"""What the programs of an image are to this host's processor: of its own kind, or of the 32-bit kind it runs as well."""

from __future__ import annotations

import platform

from farm.kernel import process
from farm.model.distro import Image

_NARROW = {"x86_64": "i686", "aarch64": "armv7l"}


def personality(image: Image) -> int:
    """The execution domain that makes ``uname -m`` answer as the image's distribution would."""
    narrow = image.facts.arch and image.facts.arch == _NARROW.get(platform.machine())
    return process.PER_LINUX32 if narrow else 0
