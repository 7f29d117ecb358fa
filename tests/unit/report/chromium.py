"""How Debian's Chromium is started by tests and by ``bench``: without a display, without asking anybody for anything."""

from __future__ import annotations

import shutil

ARGUMENTS = (
    "--no-sandbox",  # root has none
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


def path() -> str | None:
    """Where it is, None where it is not."""
    return shutil.which("chromium")
