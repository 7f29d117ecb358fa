"""A distro's image from the first of its sources that serves.

What the store has comes first, without a request to anybody: a run that found the second source serving does not become
another one because the first is back. Only where it has none, or where all is to be asked anew, each source is tried in turn.
"""

from __future__ import annotations

import os
import platform
from dataclasses import replace

from farm.errors import DiskError, GivenUpError, ImageError
from farm.image.building import BuildError
from farm.image.limits import UnpackLimits
from farm.image.progress import Progress, Said
from farm.image.resolve import known, resolve
from farm.image.store import Store
from farm.image.unpacking import Stopped
from farm.kernel.userns import IdMap
from farm.model.distro import Distro, Image, Source, SourceKind
from farm.model.machine import best
from farm.model.ports import Builder
from farm.model.reference import HOST
from farm.values import dataclass

_LIMITS = UnpackLimits()
_FILES = (SourceKind.TARBALL, SourceKind.DIRECTORY)


@dataclass(frozen=True, slots=True)
class Chosen:
    """The image and the source it is of. ``why`` is empty for the first source, and says else why it was not that.

    ``unasked``: it is known by its digest and was there already, so that nobody was asked for it. ``tried`` has a line for
    each source where a certain image was wanted and none of several gave it.
    """

    image: Image
    source: Source
    why: str = ""
    unasked: bool = False
    tried: tuple[str, ...] = ()


def first_of(
    distro: Distro,
    store: Store,
    id_map: IdMap | None,
    stopped: Stopped = lambda: False,
    limits: UnpackLimits = _LIMITS,
    *,
    progress: Progress = lambda *_: None,
    said: Said = lambda *_: None,
    builder: Builder | None = None,
    fresh: bool = False,
    locked: str = "",
) -> Chosen:
    """The image of ``distro``; the arguments are those of ``resolve``.

    ``locked`` is the digest of the image that is wanted, or ``host``: sources that are known to lead to it come first, and one
    that gives another image is passed over. Where none gives it, that other image is returned.

    Raises ``ImageError`` where no source serves, with a line for each (``BuildError`` where one is a build), and without a
    try where this machine cannot run it; ``DiskError`` at once, because the next source needs the same disk.
    """
    machine = platform.machine()
    wanted = best(machine, distro.arch)
    if distro.arch and not wanted:
        machines = " and ".join(distro.arch)
        raise ImageError(f"{distro.name} is for {machines}", f"this machine is {machine}", "run it on one of those")
    if len(distro.arch) > 1 and wanted != machine:
        distro = replace(distro, sources=tuple(replace(each, arch=wanted) for each in distro.sources))
    failures: list[str] = []
    preferred = distro.sources[0]
    if len(distro.sources) > 1 and locked:
        distro = replace(distro, sources=_likeliest_first(distro, store, stopped, locked))
    elif len(distro.sources) > 1 and not fresh and (there := _stored(distro, store, stopped)) is not None:
        return there
    other: Chosen | None = None
    log_path = ""
    given = (store, id_map, stopped, limits)
    for source in distro.sources:
        if other is not None and source.kind is SourceKind.BOOTSTRAP:
            failures.append(f"{source.path}: it was not made, because one that is made anew is another image")
            continue
        unasked = source.kind is SourceKind.URL and source.sha256 is not None and known(source, store) is not None
        try:
            image = resolve(source, *given, progress=progress, said=said, builder=builder, fresh=fresh)
        except (GivenUpError, DiskError):
            raise
        except ImageError as error:
            if len(distro.sources) == 1:
                raise
            failures.append(": ".join(part for part in (error.brief, error.detail) if part))
            if isinstance(error, BuildError) and not log_path:
                log_path = error.log_path
        else:
            why = "; ".join(failures) or ("it is the locked image" if source is not preferred else "")
            found = Chosen(image, source, why, unasked)
            if not locked or _locked_as(image) == locked:
                return found
            failures.append(f"{source.path or source.kind}: it is {_locked_as(image)}")
            other = other or found
    if other is not None:
        return replace(other, tried=tuple(failures) if len(distro.sources) > 1 else ())
    brief, remedy = f"none of the {len(failures)} sources of {distro.name} serves", "mend one, or add another"
    if log_path:
        raise BuildError(brief, "\n".join(failures), remedy, log_path)
    raise ImageError(brief, "\n".join(failures), remedy)


def _likeliest_first(distro: Distro, store: Store, stopped: Stopped, locked: str) -> tuple[Source, ...]:
    """The sources of ``distro``: those that lead to ``locked``, then those that may, then recipes, which would not again."""

    def rank(source: Source) -> int:
        if locked in (source.sha256, source.kind.value) or source.path.endswith(f"@sha256:{locked}"):
            return 0
        found = known(source, store, stopped)
        if found is not None and _locked_as(found) == locked:
            return 0
        return 2 if source.kind is SourceKind.BOOTSTRAP else 1

    return tuple(sorted(distro.sources, key=rank))


def _locked_as(image: Image) -> str:
    """What a lock file calls ``image``."""
    return HOST if image.source == HOST else image.digest


def _stored(distro: Distro, store: Store, stopped: Stopped) -> Chosen | None:
    """The first of the sources whose image the store has, unless one before it is at hand on this host."""
    for number, source in enumerate(distro.sources):
        found = known(source, store, stopped)
        if found is not None:
            return Chosen(found, source, "the store has it already" if number else "")
        if source.kind is SourceKind.HOST or (source.kind in _FILES and os.path.exists(source.path)):
            return None
    return None
