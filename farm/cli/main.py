"""``farm``: its group of commands, and what an error becomes.

Commands import what they run inside their functions: ``farm --help`` would otherwise wait for pydantic and jinja2.
"""

from __future__ import annotations

import os
import sys
import traceback

import click

from farm import __version__
from farm.cli import host, images, matrix
from farm.errors import FarmError

INTERRUPTED, BUG, USAGE = 2, 3, 4


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="farm")
def cli() -> None:
    """Run a test matrix over many Linux distributions, each job in a container of its own."""


cli.add_command(matrix.run)
cli.add_command(matrix.list_jobs)
cli.add_command(matrix.validate)
cli.add_command(host.doctor)
cli.add_command(images.image)
cli.add_command(images.gc)


def main() -> None:
    """The entry point: exits with the code of the table in the documentation."""
    sys.exit(status(sys.argv[1:]))


def status(arguments: list[str]) -> int:
    """The exit code of ``farm`` with ``arguments``; messages go to stderr, a traceback only for a bug of the farm."""
    try:
        code = cli.main(arguments, prog_name="farm", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except click.ClickException as error:
        error.show()
        return USAGE
    except click.Abort:
        click.echo("error: interrupted before anything ran", err=True)
        return INTERRUPTED
    except FarmError as error:
        click.echo(message(error), err=True)
        return USAGE
    except BrokenPipeError:
        # Whoever read us has gone; flushing at exit would fail once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception:  # noqa: BLE001 - the last resort: whatever was not foreseen is a bug, and says so
        traceback.print_exc()
        click.echo("error: this is a bug in farm; please report it with the lines above", err=True)
        return BUG


def message(error: FarmError) -> str:
    """``error: brief``, then detail and remedy on lines of their own."""
    return "\n".join(part for part in (f"error: {error.brief}", error.detail, error.remedy) if part)
