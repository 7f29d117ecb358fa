"""Images that could not be had: what their jobs end with, and what people are told of a build that failed."""

from __future__ import annotations

import os
import shutil

from farm.errors import FarmError
from farm.image.building import BuildError
from farm.model.paths import safe_name
from farm.report.logs import tail
from farm.values import dataclass

_LOG_LINES = 20


@dataclass(frozen=True, slots=True)
class Unavailable:
    """Why there is no image: ``reason`` is the sentence that its jobs end with.

    ``headline``, ``log_path`` below the run's folder and ``excerpt`` are those of a command that failed, else empty.
    """

    reason: str
    headline: str = ""
    log_path: str = ""
    excerpt: str = ""

    def note(self, folder: str = "") -> str:
        """What people are told of it once, the excerpt on lines of its own; the log's path begins with ``folder``."""
        if not self.headline:
            return ""
        log = f"; log: {os.path.join(folder, self.log_path)}" if self.log_path else ""
        return "\n".join([self.headline + log, *(each for each in self.excerpt.split("\n") if each)])


def unavailable(what: str, error: Exception) -> Unavailable:
    """For an image or a command that there is none of: ``what`` was wanted begins the sentence."""
    if isinstance(error, FarmError):
        parts = (f"{what}: {error.brief}", *error.detail.splitlines(), error.remedy)
        return Unavailable("; ".join(part for part in parts if part))
    return Unavailable(f"{what}: {error}")


def build_failed(what: str, name: str, key: str, error: BuildError, run_dir: str) -> Unavailable:
    """For a build that failed: its log is copied to ``run_dir``/``what``/<name>-<key>.log, and its end quoted."""
    why = "; ".join(part for part in (error.brief, *error.detail.splitlines()) if part)
    path = os.path.join(what, f"{safe_name(name)}-{key}.log")
    try:
        os.makedirs(os.path.join(run_dir, what), exist_ok=True)
        shutil.copyfile(error.log_path, os.path.join(run_dir, path))
    except OSError as trouble:
        # A full disk, say. What the command did is the news, and the farm's folder has its log still.
        return Unavailable(f"{what}: {why}; its log could not be copied: {trouble}", f"{why}; log: {error.log_path}")
    headline = "; ".join(part for part in (why, error.remedy) if part)
    return Unavailable(f"{what}: {why}; log: {path}", headline, path, tail(run_dir, path, _LOG_LINES).text)
