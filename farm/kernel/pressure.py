"""How short the host is of memory and disk time: /proc/pressure (Documentation/accounting/psi.rst), Linux 4.20."""

from __future__ import annotations

import re

_LINE = re.compile(r"(some|full) avg10=([0-9.]+) ")


def stalled(resource: str, root: str = "/proc/pressure") -> tuple[float, float] | None:
    """Of ``memory``, ``io`` or ``cpu``: the per cent of the last ten seconds that some processes waited, and that all did.

    None where the kernel does not say: it lacks PSI, or was booted without it (EOPNOTSUPP).
    """
    try:
        with open(f"{root}/{resource}", encoding="ascii") as file:
            found = dict(_LINE.findall(file.read()))
        return float(found["some"]), float(found.get("full", "0"))
    except (OSError, ValueError, KeyError):
        return None
