"""The three files of a report, each whole or absent.

<run>/results.json  junit.xml  index.html
"""

from __future__ import annotations

import os

from farm.errors import FarmError
from farm.model.run import RunRecord
from farm.report import html, junit, results


def write_all(run_dir: str, record: RunRecord) -> None:
    """Write every report of ``record`` into ``run_dir``, where its logs are. Raises ``FarmError`` where it cannot."""
    _replace(os.path.join(run_dir, "results.json"), results.render(record).encode())
    _replace(os.path.join(run_dir, "junit.xml"), junit.render(record, run_dir))
    _replace(os.path.join(run_dir, "index.html"), html.render(record, run_dir).encode())


def _replace(path: str, content: bytes) -> None:
    staged = f"{path}.tmp"
    try:
        with open(staged, "wb") as file:
            file.write(content)
        os.replace(staged, path)
    except OSError as error:
        raise FarmError(
            "a report cannot be written", str(error), "see that its folder is writable and has space"
        ) from error
