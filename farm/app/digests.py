"""Tarballs that are not what their distro's ``sha256`` says: found before anything runs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from farm.matrix.problems import MatrixError, Problem
from farm.model.distro import Distro, SourceKind


def check_digests(distros: Iterable[Distro]) -> None:
    """Raises ``MatrixError`` with every tarball of ``distros`` that has another digest than it must, naming both.

    A file that cannot be read is left to whoever imports it.
    """
    problems = [problem for distro in distros if (problem := _problem(distro)) is not None]
    if problems:
        raise MatrixError(tuple(problems))


def _problem(distro: Distro) -> Problem | None:
    source = distro.source
    if source.kind is not SourceKind.TARBALL or source.sha256 is None:
        return None
    try:
        with open(source.path, "rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None
    if found == source.sha256:
        return None
    path, line, column = distro.where.rsplit(":", 2)
    message = f"{source.path} is not what its sha256 says: {source.sha256} is wanted, {found} was found"
    return Problem(path, int(line), int(column), message, "fetch the file again, or correct sha256")
