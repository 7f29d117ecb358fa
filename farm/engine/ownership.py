"""Whose a mounted folder's files are in a container, and what is written there on the host.

The folder's owner on the host is the job's user inside. So a job can do what the owner could, its new files are
the owner's, and no tool complains of a strange owner. Of the other ids there are two rules:

``shown``, for what is never written back (``ro``, ``overlay``): an id is the same inside as on the host, but that the
owner's and the job user's change places. Root of the container may read everything.

``written``, for ``rw``: no other id of the host is anybody inside. Files of others are nobody's, and open as far as
their mode says to everybody. Further users of the container write as the host's nobodies that they are anyway. The
folder's group is the job user's only where the owner ``has`` it: or a job could leave a set-group-id program of a group
that the owner has no part in.

Nobody's files still need ids that the kernel knows: it refuses every write to one without (HAS_UNMAPPED_ID in fs/namei.c).
So the host's other ids are those that follow the container's range, which no container has.

Each is the text of a uid_map or gid_map for an idmapped mount: lines of the first id on disk, the first of the host's that
the container has for it, a count; see user_namespaces(7) and mount_setattr(2).
"""

from __future__ import annotations

from collections.abc import Iterable

_LAST_ID = (1 << 32) - 1


def shown(owner: int, user: int, base: int, count: int) -> str:
    """``owner`` on the host's disk is ``user`` of the container whose ids are ``base`` to ``base`` + ``count`` - 1."""
    singles = [(owner, base + user)]
    if owner < count and owner != user:
        singles.append((user, base + owner))
    return _text([*singles, *_but(range(count), {owner, user}, base)])


def written(owner: int, user: int, base: int, count: int, *, has: bool = True) -> str:
    """As ``shown``; beside ``owner``, the container's own ids are themselves on the disk, and the host's are nobody's."""
    beyond = base + count if base + 2 * count < _LAST_ID else base - count - 1
    if has:
        singles = [(owner, base + user)]
        inside, others = {user, owner - base}, {owner}
    else:
        singles = [(owner, beyond + count)] if count <= owner < base or owner >= base + count else []
        inside = others = set()
    own = [(first + base, host, length) for first, host, length in _but(range(count), inside, base)]
    return _text([*singles, *own, *_but(range(count), others, beyond)])


def _but(ids: range, without: set[int], base: int) -> list[tuple[int, int, int]]:
    """The runs of ``ids`` that are left, each as its first, that one's id on the host, and its length."""
    edges = sorted(each for each in without if each in ids)
    starts = [ids.start, *(each + 1 for each in edges)]
    return [
        (start, base + start, end - start) for start, end in zip(starts, [*edges, ids.stop], strict=True) if end > start
    ]


def _text(extents: Iterable[tuple[int, ...]]) -> str:
    return "".join(f"{first} {host} {rest[0] if rest else 1}\n" for first, host, *rest in extents)
