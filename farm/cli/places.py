"""Where the farm keeps its things, and where there are further distros."""

from __future__ import annotations

import os
from collections.abc import Mapping


def home(environment: Mapping[str, str] = os.environ) -> str:
    """The farm's folder: ``FARM_HOME``, else /var/lib/farm for root, else farm below XDG_DATA_HOME."""
    if environment.get("FARM_HOME"):
        return os.path.abspath(environment["FARM_HOME"])
    if os.geteuid() == 0:
        return "/var/lib/farm"
    data = environment.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share")
    return os.path.join(data, "farm")


def catalogue(environment: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """Further folders of distro definitions: ``FARM_DISTROS``, separated by colons."""
    return tuple(folder for folder in environment.get("FARM_DISTROS", "").split(":") if folder)
