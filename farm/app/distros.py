"""One distro by the name or the path that a user gives, outside of a matrix."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from farm.errors import UsageError
from farm.matrix.catalogue import folders_of, read_catalogue, unmatched
from farm.matrix.load import load
from farm.matrix.problems import MatrixError, Problem
from farm.model.distro import Distro, Source, SourceKind
from farm.model.reference import remote

MATRIX = "matrix.yaml"


def find_distro(wanted: str, matrix: str | None, catalogue: Sequence[str]) -> Distro:
    """The distro ``wanted``: an address or a path if there is a slash in it, else a name.

    Names are looked for in ``matrix`` (a file; None is ``MATRIX`` here, if there is one), then in ``distros/`` beside it,
    then in the folders ``catalogue``, then in what comes with the farm. Raises ``UsageError`` with the nearest name, or with
    what is wrong with the files.
    """
    if "/" in wanted:
        return Distro(os.path.basename(wanted.rstrip("/")) or "root", (_source(wanted),))
    path = matrix or MATRIX
    defined: dict[str, Distro] = {}
    if matrix is not None or os.path.exists(path):
        defined = {each.name: each for each in load(path, catalogue).distros}
    if wanted in defined:
        return defined[wanted]
    problems: list[Problem] = []
    known = read_catalogue(folders_of(path, catalogue), problems)
    found = known.resolve(wanted, problems) if known.matching(wanted) == [wanted] else None
    if found is not None:
        return found
    if problems:
        raise MatrixError(tuple(problems))
    message, nearest = unmatched(wanted, sorted({*defined, *known.names()}))
    raise UsageError(message, nearest, "a name is wanted, an address, or a path with a slash in it: ./root.tar.xz")


def find_file(references: Sequence[str], sha256: str) -> Distro:
    """A distro of the one file that ``references`` names by an address or a path, held to ``sha256``. Raises ``UsageError``."""
    if not re.fullmatch("[0-9a-fA-F]{64}", sha256):
        raise UsageError("--sha256 takes 64 hex digits", f"{sha256!r} is none")
    if len(references) != 1 or "/" not in references[0]:
        raise UsageError("--sha256 is that of one file", "name one address, or one path with a slash in it")
    source = _source(references[0], sha256.lower())
    if source.kind is SourceKind.DIRECTORY:
        raise UsageError("--sha256 is that of one file", f"{source.path} is a directory")
    return Distro(os.path.basename(references[0].rstrip("/")) or "root", (source,))


def _source(path: str, sha256: str | None = None) -> Source:
    elsewhere = remote(path, sha256)
    if isinstance(elsewhere, str):
        raise UsageError("this is no address of an image", elsewhere)
    if elsewhere is not None:
        return elsewhere
    absolute = os.path.abspath(path)
    if os.path.isdir(absolute):
        return Source(SourceKind.DIRECTORY, absolute)
    if not os.path.exists(absolute):
        raise UsageError("there is no such tarball or directory", absolute)
    return Source(SourceKind.TARBALL, absolute, sha256)
