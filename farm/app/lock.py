"""``farm image lock``, and what ``farm run --locked`` refuses."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Mapping

from farm.app.digests import check_digests
from farm.app.host import require_root, writable_store
from farm.app.pull import pull
from farm.errors import UsageError
from farm.image.digests import DigestCache
from farm.image.progress import Told
from farm.matrix.load import load
from farm.matrix.lockfile import Locked, lock_path, locked, moved, read_lock, render, unlocked
from farm.model.distro import Distro, Image
from farm.values import dataclass

_REMEDY = "if that is meant, lock them anew with farm image lock"


@dataclass(frozen=True, slots=True)
class Lock:
    """The lock file of a matrix: its ``path``, and what it says of each distro."""

    path: str
    entries: Mapping[str, Locked]


def make(matrix: str, home: str, catalogue: tuple[str, ...], told: Told) -> Lock:
    """Import every distro of the file ``matrix`` and write down, beside it, which image each is now.

    Raises ``FarmError`` where one cannot be had, or the file cannot be written; an older one is left as it was then.
    """
    require_root()
    distros = load(matrix, catalogue).distros
    store = writable_store(home)
    check_digests(distros, DigestCache(store.digests_dir))
    path = lock_path(matrix)
    folder = os.path.dirname(os.path.abspath(path))
    entries = {each.name: locked(each, pull(each, store, told).image, folder) for each in distros}
    try:
        _write(path, render(entries))
    except OSError as error:
        raise UsageError(f"the lock file {path} cannot be written", error.strerror or str(error)) from error
    return Lock(path, entries)


def read(matrix: str, distros: Iterable[Distro]) -> Lock:
    """The lock of the file ``matrix``. Raises ``UsageError`` where there is none, or one of ``distros`` is not in it."""
    path = lock_path(matrix)
    lock = Lock(path, read_lock(path))
    _refuse(lock, unlocked((each.name for each in distros), lock.entries))
    return lock


def check(
    lock: Lock, distros: Iterable[Distro], images: Mapping[str, object], tried: Mapping[str, tuple[str, ...]]
) -> None:
    """Raises ``UsageError`` where one of ``distros`` has become another image than ``lock`` says.

    ``tried`` has what each source of a distro gave, where it has several. One that could not be had,
    no ``Image`` in ``images``, is no other image: its jobs end as errors.
    """
    folder = os.path.dirname(os.path.abspath(lock.path))
    found = {}
    for each in distros:
        image = images.get(each.name)
        if isinstance(image, Image):
            found[each.name] = locked(each, image, folder)
    _refuse(lock, moved(found, lock.entries, tried))


def _refuse(lock: Lock, sentences: tuple[str, ...]) -> None:
    if sentences:
        raise UsageError(f"the images are not those of {lock.path}", "\n".join(sentences), _REMEDY)


def _write(path: str, text: str) -> None:
    """The whole file or the old one, also when this process is killed."""
    temporary = f"{path}.{os.getpid()}"
    try:
        with open(temporary, "x", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
