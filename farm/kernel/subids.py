"""Which ids of the host a container's ids become: a range that the host set aside, or the documented default."""

from __future__ import annotations

from farm.kernel.userns import IdMap

OWNERS = ("farm", "root")
DEFAULT_BASE = 0x70000000
COUNT = 65536


def id_map(subuid: str, subgid: str) -> IdMap:
    """The range for containers, from the texts of /etc/subuid and /etc/subgid (subuid(5)).

    The first line of ``farm``, then of ``root``, that holds ``COUNT`` ids from one base in both texts; else the default.
    """
    for owner in OWNERS:
        groups = _bases(subgid, owner)
        for base in _bases(subuid, owner):
            if base in groups:
                return IdMap(base, COUNT)
    return IdMap(DEFAULT_BASE, COUNT)


def _bases(text: str, owner: str) -> list[int]:
    bases = []
    for line in text.splitlines():
        match line.strip().split(":"):
            case [name, base, count] if name == owner and _is_number(base) and _is_number(count):
                # A range from 0 would make a container's root the host's.
                if int(base) > 0 and int(count) >= COUNT:
                    bases.append(int(base))
    return bases


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()
