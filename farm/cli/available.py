"""``image ls --available``: the catalogue as a table."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

import click

from farm.cli import options, tables
from farm.matrix.problems import printable

if TYPE_CHECKING:
    from farm.app.available import Available


_HEADER = ("name", "arch", "eol", "tags", "image", "source")
_NARROW = (None, 7, 10, 8, None)
"""What the columns but the last may take on a narrow terminal."""


def show(patterns: Sequence[str], style: str, *, as_json: bool) -> None:
    """Print the distros that ``patterns`` stand for."""
    from farm.app.available import available
    from farm.image.store import Store

    found = available(patterns, options.catalogue(), Store(options.home()))
    today = date.today().isoformat()
    if as_json:
        click.echo(json.dumps([_document(each, today) for each in found], indent=2))
        return
    click.echo(tables.table([_row(each, today) for each in found], _HEADER, style, _NARROW, tables.columns()))


def _row(each: Available, today: str) -> tuple[str, ...]:
    distro = each.distro
    if distro is None:
        return (each.name, "", "", "", "", printable(each.problem))
    eol = f"{distro.eol} past" if _is_past(distro.eol, today) else distro.eol
    digest = "?" if each.digest is None else each.digest[:12]
    first = distro.sources[0]
    more = f" and {len(distro.sources) - 1} more" if len(distro.sources) > 1 else ""
    return (
        each.name,
        " ".join(distro.arch),
        eol,
        " ".join(distro.tags),
        digest,
        printable(first.path or first.kind) + more,
    )


def _document(each: Available, today: str) -> dict[str, object]:
    distro = each.distro
    if distro is None:
        return {"name": each.name, "problem": each.problem}
    return {
        "name": each.name,
        "arch": distro.arch,
        "eol": distro.eol,
        "past": _is_past(distro.eol, today),
        "tags": distro.tags,
        "digest": each.digest,
        "sources": [source.path or source.kind for source in distro.sources],
        "where": distro.where,
    }


def _is_past(eol: str, today: str) -> bool:
    return "" < eol < today
