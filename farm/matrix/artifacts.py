"""``artifacts`` of a test, cell by cell."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence

from farm.matrix.document import ArtifactsStep
from farm.matrix.rendering import Rendering
from farm.matrix.text import Text
from farm.matrix.view import View
from farm.model.rules import Artifacts


def artifact_texts(step: ArtifactsStep | None, rendering: Rendering) -> tuple[Text, ...] | None:
    """Its paths, to be rendered."""
    if step is None:
        return None
    return tuple(Text(rendering, path, early=True, wrong=_wrong) for path in step.paths)


def artifacts(
    step: ArtifactsStep | None, texts: Sequence[Text] | None, view: View, directory: str | None
) -> Artifacts | None:
    """Those of a cell whose paths are relative to ``directory``; None where there are none, or one is wrong."""
    if step is None or texts is None:
        return None
    paths = [text.of(view) for text in texts]
    found = tuple(posixpath.join(directory or "/", path) for path in paths if path is not None)
    return Artifacts(found, step.when, step.most_bytes, step.junit) if len(found) == len(paths) else None


def _wrong(path: str) -> tuple[str, str] | None:
    if ".." in path.split("/"):
        return f"'..' in the path {path!r}", "write where it leads"
    if path.strip("/") in ("", "**", "*"):
        return f"the path {path!r} is the whole image", "name what is wanted of it"
    return None
