"""Options that several commands share, and where the farm keeps its things."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from farm.units import parse_bytes, parse_duration_s

_STYLE = "simple"
_Command = TypeVar("_Command", bound=Callable[..., Any])


def size(text: str) -> int:
    """The type of options that are sizes: bytes, as people write them."""
    try:
        return parse_bytes(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def duration(text: str) -> float:
    """The type of options that are durations: seconds, as people write them."""
    try:
        return parse_duration_s(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def factor(text: str) -> float:
    """The type of options that multiply: more than 0, at most 1000; ``click.FloatRange`` takes nan."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number <= 1000:
        raise click.BadParameter(f"{text!r} is not a number above 0 and up to 1000")
    return number


def _table_style(text: str) -> str:
    """One of tabulate's formats, which takes any other word for its simplest."""
    if text != _STYLE:
        from tabulate import tabulate_formats  # here: few commands draw tables

        if text not in tabulate_formats:
            raise click.BadParameter(f"no format is called {text!r}; there are {', '.join(tabulate_formats)}")
    return text


def selection(command: _Command) -> _Command:
    """MATRIX, ``-k``, ``-d`` and ``-t``: which jobs are meant."""
    for option in (
        click.option("-t", "--tag", "tags", multiple=True, metavar="GLOB", help="Only jobs with such a tag."),
        click.option("-d", "--distro", "distros", multiple=True, metavar="GLOB", help="Only on such distros."),
        click.option("-k", "keyword", metavar="EXPRESSION", help="Only jobs whose id fits, as in pytest."),
        click.argument("matrix", default="matrix.yaml"),
    ):
        command = option(command)
    return command


def table_format(command: _Command) -> _Command:
    """``--format``: how tabulate draws tables."""
    shown = click.option(
        "--format", "style", type=_table_style, default=_STYLE, show_default=True, help="Any of tabulate's formats."
    )
    return shown(command)


def home(environment: Mapping[str, str] = os.environ) -> str:
    """The farm's folder: ``FARM_HOME``, else /var/lib/farm for root, else farm below XDG_DATA_HOME."""
    if environment.get("FARM_HOME"):
        return os.path.abspath(environment["FARM_HOME"])
    if os.geteuid() == 0:
        return "/var/lib/farm"
    data = environment.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share")
    return os.path.join(data, "farm")


def catalogue(environment: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """Further folders of distro definitions: ``FARM_DISTROS``, separated by colons."""
    return tuple(folder for folder in environment.get("FARM_DISTROS", "").split(":") if folder)
