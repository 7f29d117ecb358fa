"""The lock file of a matrix file: which image each of its distros was, beside it, ``nightly.lock`` of ``nightly.yaml``::

    version: 1
    distros:
      alpine:
        digest: 64 hex digits, or host
        source: where it was taken from, for people; a path is relative to the lock file

Sorted by name, so that the same images give the same file. ``host`` is recorded as that: it changes with the machine, and
a digest of it would hold on no other one.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

import yaml

from farm.matrix import schema
from farm.matrix.check import check
from farm.matrix.problems import MatrixError, Problem, printable
from farm.matrix.source import read_source
from farm.matrix.tree import compose
from farm.model.distro import Distro, Image
from farm.model.reference import HOST
from farm.values import dataclass

_HEAD = "# made by farm image lock; farm run --locked runs these images and no others\nversion: 1\n"


@dataclass(frozen=True, slots=True)
class Locked:
    """What a distro was: ``digest`` is that of its image, or ``host``."""

    digest: str
    source: str


def lock_path(matrix: str) -> str:
    """Where the lock file of the matrix file ``matrix`` is."""
    return os.path.splitext(matrix)[0] + ".lock"


def read_lock(path: str) -> dict[str, Locked]:
    """What the lock file at ``path`` says of each distro. Raises ``MatrixError`` with every problem."""
    if not os.path.lexists(path):
        raise MatrixError((Problem(path, 0, 0, "no such file", "make it with farm image lock"),))
    source = read_source(path)
    root, found = compose(source)
    problems = list(found)
    file = check(source, root, schema.LockFile, "a lock file", problems)
    if problems or file is None:
        raise MatrixError(tuple(problems))
    return {name: Locked(each.digest, each.source.text) for name, each in file.distros.items()}


def locked(distro: Distro, image: Image, folder: str) -> Locked:
    """What is recorded of ``distro`` in a lock file in ``folder``."""
    if image.source == HOST:
        return Locked(schema.HOST_DIGEST, HOST)
    paths = [source.path for source in distro.sources]
    path = image.source if image.source in paths else paths[0]  # the same bytes may have come from elsewhere before
    return Locked(image.digest, printable(os.path.relpath(path, folder) if path.startswith("/") else path))


def render(entries: Mapping[str, Locked]) -> str:
    """The text of a lock file."""
    distros = {name: {"digest": each.digest, "source": each.source} for name, each in entries.items()}
    return _HEAD + yaml.safe_dump({"distros": distros}, sort_keys=True, width=1000)


def unlocked(names: Iterable[str], lock: Mapping[str, Locked]) -> tuple[str, ...]:
    """A sentence for each of ``names`` that ``lock`` does not have."""
    return tuple(f"{name} is not in the lock file" for name in names if name not in lock)


def moved(
    found: Mapping[str, Locked], lock: Mapping[str, Locked], tried: Mapping[str, tuple[str, ...]]
) -> tuple[str, ...]:
    """A sentence for each distro that is another image than ``lock`` says, naming both; a line for each source ``tried``."""
    return tuple(
        f"{name} is locked to {lock[name].digest}, and is now {each.digest} ({each.source})"
        + "".join(f"\n  tried {printable(line)}" for line in tried.get(name, ()))
        for name, each in found.items()
        if each.digest != lock[name].digest
    )
