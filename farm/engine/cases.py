"""The test cases in what an attempt leaves behind."""

from __future__ import annotations

import os

from farm.engine import globs
from farm.engine.collect import Collected
from farm.engine.mask import Mask
from farm.errors import FarmError
from farm.model.artifact import Artifact, Case
from farm.report import cases as junit


def kept(found: Collected, target: str, pattern: str, mask: Mask | None, path: str) -> tuple[bool, list[str]]:
    """Write the cases of those of the copies below ``target`` that ``pattern`` names to ``path``.

    Whether there were any, without which there is no file, and sentences on what was wrong with some. Raises ``OSError``.
    """
    read, trouble = _cases(found, target, pattern)
    if read:
        junit.save(path, junit.masked(read, mask.text) if mask else read)
    return bool(read), trouble


def _cases(found: Collected, target: str, pattern: str) -> tuple[list[Case], list[str]]:
    """The cases of those of the copies that ``pattern`` names, and what was wrong with some."""
    read: list[Case] = []
    trouble = []
    for each in found.artifacts:
        if not globs.matches(pattern, each.path):
            continue
        try:
            read += _read(os.path.join(target, each.path), each)
        except FarmError as error:
            detail = f" ({error.detail})" if error.detail else ""
            trouble.append(f"/{each.path} is not read as JUnit: {error.brief}{detail}")
    if len(read) > junit.MOST_CASES:
        trouble.append(f"only the first {junit.MOST_CASES} of {len(read)} test cases are kept")
    return read[: junit.MOST_CASES], trouble


def _read(path: str, artifact: Artifact) -> list[Case]:
    if artifact.size_bytes > junit.MOST_BYTES:
        raise FarmError(f"it is larger than {junit.MOST_BYTES} bytes")
    with open(path, "rb") as file:
        return junit.parse(file.read(), artifact.path)
