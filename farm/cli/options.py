"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from farm.cli import complete
from farm.cli.places import catalogue as catalogue
from farm.cli.places import home as home
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


def shard(text: str) -> tuple[int, int]:
    """The type of ``I/N``: an index from 0, and how many there are."""
    number, slash, total = text.partition("/")
    if not (slash and number.isdecimal() and total.isdecimal() and 1 <= int(number) <= int(total)):
        raise click.BadParameter(f"{text!r} is not a part: write 1/4 for the first of four")
    return int(number) - 1, int(total)


def reserve(text: str) -> tuple[float, int]:
    """The type of ``cpus=1,memory=2G``: cores and bytes, 0 for what is not named."""
    found: dict[str, str] = {}
    for each in text.split(","):
        name, equals, amount = each.strip().partition("=")
        if name not in ("cpus", "memory") or not equals or name in found:
            raise click.BadParameter(f"{text!r} is no reserve: write cpus=1,memory=2G, or one of them")
        found[name] = amount
    return factor(found["cpus"]) if "cpus" in found else 0.0, size(found["memory"]) if "memory" in found else 0


def selection(command: _Command) -> _Command:
    """MATRIX, ``-k``, ``-d``, ``-t`` and ``--job``: which jobs are meant."""
    for option in (
        click.option(
            "--job",
            "jobs",
            multiple=True,
            metavar="ID",
            shell_complete=complete.complete_jobs,
            help="Only the job with exactly this id.",
        ),
        click.option(
            "-t",
            "--tag",
            "tags",
            multiple=True,
            metavar="GLOB",
            shell_complete=complete.complete_tags,
            help="Only jobs with such a tag.",
        ),
        click.option(
            "-d",
            "--distro",
            "distros",
            multiple=True,
            metavar="GLOB",
            shell_complete=complete.complete_distros,
            help="Only on such distros.",
        ),
        click.option("-k", "keyword", metavar="EXPRESSION", help="Only jobs whose id fits, as in pytest."),
        matrix_argument,
    ):
        command = option(command)
    return command


def matrix_argument(command: _Command) -> _Command:
    """MATRIX, the file of this folder where none is named."""
    return click.argument("matrix", type=click.Path(), default="matrix.yaml", is_eager=True)(command)


def matrix_file(command: _Command) -> _Command:
    """``-f``: the same for commands whose argument is something else."""
    option = click.option(
        "-f",
        "--matrix",
        type=click.Path(),
        metavar="FILE",
        is_eager=True,
        help="The matrix file; matrix.yaml of this folder.",
    )
    return option(command)


def reports_folder(command: _Command) -> _Command:
    """``--reports``, where they are; known before what completes the arguments looks into it."""
    option = click.option(
        "--reports", default="reports", show_default=True, metavar="DIR", is_eager=True, help="Where reports are."
    )
    return option(command)


def as_json(command: _Command) -> _Command:
    """``--json``: for programs."""
    return click.option("--json", "as_json", is_flag=True, help="As JSON, for programs.")(command)


def table_format(command: _Command) -> _Command:
    """``--format``: how tabulate draws tables."""
    shown = click.option(
        "--format",
        "style",
        type=_table_style,
        default=_STYLE,
        show_default=True,
        metavar="STYLE",
        help="Any of tabulate's formats.",
    )
    return shown(command)
