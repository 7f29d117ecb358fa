"""What is fetched, while it is: bars on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator

import click

from farm.image.progress import Progress
from farm.matrix.problems import printable
from farm.units import format_bytes

_EVERY_S = 10.0


@contextlib.contextmanager
def transfers() -> Iterator[Progress]:
    """``Progress`` for as long as the ``with`` block lasts; bars are gone afterwards, lines stay."""
    if not sys.stderr.isatty():
        yield Lines(lambda line: click.echo(line, err=True), time.monotonic)
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


class Lines:
    """``Progress`` as a line for every ten seconds that a file takes; none for one that takes less."""

    def __init__(self, say: Callable[[str], object], clock: Callable[[], float]) -> None:
        self._say = say
        self._clock = clock
        self._next_s: dict[str, float] = {}

    def __call__(self, name: str, have_bytes: int, of_bytes: int | None) -> None:
        now_s = self._clock()
        if now_s < self._next_s.setdefault(name, now_s + _EVERY_S):
            return
        self._next_s[name] = now_s + _EVERY_S
        of = f" of {format_bytes(of_bytes)}" if of_bytes else ""
        self._say(f"fetching {printable(name)}: {format_bytes(have_bytes)}{of}")
