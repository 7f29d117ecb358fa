"""The range of host ids that containers are mapped to; see subuid(5) and subgid(5).

One range serves users and groups alike, so it is one that both files give to the same owner.
"""

from __future__ import annotations

from farm.kernel.userns import IdMap

DEFAULT_BASE = 0x70000000
"""Where the range begins if the host gives none: past the one systemd-nspawn picks from, below 2**31."""

COUNT = 65536
"""How many ids a container has: what a distribution's own user database may hold."""

_OWNERS = ("farm", "root")


def id_map(subuid_text: str, subgid_text: str) -> IdMap:
    """The shared range: that of ``farm``, else of ``root``, in both files, else the default.

    Lines are ``owner:first:count``, the owner by name; lines that do not look like one are passed over, as are ranges
    shorter than ``COUNT`` or with host ids below it in them.
    """
    for owner in _OWNERS:
        users, groups = _ranges(subuid_text, owner), _ranges(subgid_text, owner)
        for first, last in users:
            for group_first, group_last in groups:
                base = max(first, group_first)
                if min(last, group_last) - base >= COUNT:
                    return IdMap(base, COUNT)
    return IdMap(DEFAULT_BASE, COUNT)


def _ranges(text: str, owner: str) -> list[tuple[int, int]]:
    """First and one past the last id of each range of ``owner``, in the order of the file."""
    found = []
    for line in text.splitlines():
        fields = line.strip().split(":")
        if len(fields) != 3 or fields[0] != owner or not (_is_number(fields[1]) and _is_number(fields[2])):
            continue
        first, count = max(int(fields[1]), COUNT), int(fields[2])
        last = min(int(fields[1]) + count, (1 << 32) - 1)  # the highest id means "no change" to the kernel
        found.append((first, last))
    return found


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 10
