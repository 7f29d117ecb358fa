"""Tarballs that are not what their distro's ``sha256`` says: found before anything runs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

from farm.errors import ImageError
from farm.image.digests import DigestCache
from farm.matrix.problems import MatrixError, Problem
from farm.model.distro import Distro, Source, SourceKind


def check_digests(distros: Iterable[Distro], cache: DigestCache, stopped: Callable[[], bool] = lambda: False) -> None:
    """Raises ``MatrixError`` with every tarball of ``distros`` that has another digest than it must, naming both.

    A file that cannot be read is left to whoever imports it, and so is all that is left when ``stopped`` says so.
    """
    tarballs = (
        (distro, source) for distro in distros for source in distro.sources if source.kind is SourceKind.TARBALL
    )
    problems = [found for each in tarballs if (found := _problem(*each, cache, stopped)) is not None]
    if problems:
        raise MatrixError(tuple(problems))


def _problem(distro: Distro, source: Source, cache: DigestCache, stopped: Callable[[], bool]) -> Problem | None:
    if source.sha256 is None:
        return None
    try:
        fd = os.open(source.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        found = cache.of_file(fd, source.path, stopped)
    except (ImageError, OSError):
        return None
    finally:
        os.close(fd)
    if found == source.sha256:
        return None
    path, line, column = distro.where.rsplit(":", 2)
    message = f"{source.path} is not what its sha256 says: {source.sha256} is wanted, {found} was found"
    return Problem(path, int(line), int(column), message, "fetch the file again, or correct sha256")
