"""What is fetched and built, while it is: bars on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import click

from farm.app.saying import Saying
from farm.image.progress import Told
from farm.matrix.problems import printable
from farm.units import format_bytes

if TYPE_CHECKING:
    from rich.progress import TaskID

_EVERY_S = 10.0
_CHARACTERS = 160


@contextlib.contextmanager
def transfers() -> Iterator[Told]:
    """Whom to tell for as long as the ``with`` block lasts; bars are gone afterwards, lines stay."""
    if not sys.stderr.isatty():

        def say(line: str) -> None:
            click.echo(printable(line), err=True)

        yield Told(Lines(say, time.monotonic), Saying(lambda what, text: say(f"{what}: {text}")))
        return
    # Not above: a tenth of a second, which a cron job need not wait for.
    from rich.console import Console, Group
    from rich.live import Live
    from rich.progress import BarColumn, DownloadColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.progress import TransferSpeedColumn as SpeedColumn

    text = TextColumn("{task.description}", markup=False)
    fetched, built = (
        Progress(text, BarColumn(), DownloadColumn(), SpeedColumn()),
        Progress(SpinnerColumn(), TimeElapsedColumn(), text),
    )
    tasks: dict[str, TaskID] = {}

    def progress(name: str, have_bytes: int, of_bytes: int | None) -> None:
        if name not in tasks:
            tasks[name] = fetched.add_task(printable(name)[-40:], total=of_bytes)
        fetched.update(tasks[name], completed=have_bytes, total=of_bytes)

    def said(build: str, line: str) -> None:
        if build not in tasks:
            tasks[build] = built.add_task("", total=None)
        built.update(tasks[build], description=f"{printable(build)}: {printable(line)}"[:_CHARACTERS])

    with Live(Group(fetched, built), console=Console(stderr=True), transient=True):
        yield Told(progress, said)


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
