"""What the programs of an image are to this host's processor: of its own kind, or of the 32-bit kind it runs as well."""

from __future__ import annotations

import platform

from farm.kernel import process

_NARROW = {"x86_64": "i686", "aarch64": "armv7l"}


def personality(arch: str) -> int:
    """The execution domain that makes ``uname -m`` answer as a distribution for ``arch`` would; empty: nobody knows."""
    narrow = arch and arch == _NARROW.get(platform.machine())
    return process.PER_LINUX32 if narrow else 0
