"""``doctor``: what this host can do."""

from __future__ import annotations

import click

from farm.cli import options


@click.command()
@options.table_format
def doctor(style: str) -> int:
    """Check this host, and say what is missing; exit code 4 where nothing could run."""
    from tabulate import tabulate

    from farm.kernel.probe import checks

    found = checks()
    rows = [(each.name, _mark(ok=each.ok, needed=each.needed), each.found, each.remedy) for each in found]
    click.echo(tabulate(rows, ("check", "", "found", "what to do"), tablefmt=style, disable_numparse=True))
    return 4 if any(each.needed and not each.ok for each in found) else 0


def _mark(*, ok: bool, needed: bool) -> str:
    if ok:
        return "ok"
    return "missing" if needed else "weaker"
