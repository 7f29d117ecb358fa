"""Bars of what is fetched, on a terminal; nothing elsewhere."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

from farm.image.progress import Progress


@contextlib.contextmanager
def transfers() -> Iterator[Progress]:
    """``Progress`` for as long as the ``with`` block lasts; what it drew is gone afterwards."""
    if not sys.stderr.isatty():
        yield lambda *_: None
        return
    # Not above: a tenth of a second, which a cron job need not wait for.
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TaskID, TextColumn, TransferSpeedColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    tasks: dict[str, TaskID] = {}
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:

        def told(name: str, have_bytes: int, of_bytes: int | None) -> None:
            if name not in tasks:
                tasks[name] = bars.add_task(name[-40:], total=of_bytes)
            bars.update(tasks[name], completed=have_bytes, total=of_bytes)

        yield told
