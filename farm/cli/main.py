"""``farm``: its group of commands, and what an error becomes.

Commands import what they run inside their functions: ``farm --help`` would otherwise wait for pydantic and jinja2.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import traceback

import click

from farm import __version__
from farm.cli import complete, diff, explain, history, host, images, init, listing, past, reports, shell
from farm.cli import run as runs
from farm.errors import FarmError, UsageError

INTERRUPTED, BUG, USAGE, INFRASTRUCTURE = 2, 3, 4, 6
_HOST_IS_AT_ITS_END = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM}
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="farm")
def cli() -> None:
    """Run a test matrix over many Linux distributions, each job in a container of its own."""


cli.add_command(runs.run)
cli.add_command(runs.rerun)
cli.add_command(listing.list_jobs)
cli.add_command(listing.validate)
cli.add_command(explain.explain)
cli.add_command(init.init)
cli.add_command(listing.schema)
cli.add_command(complete.completion)
cli.add_command(past.logs)
cli.add_command(past.repro)
cli.add_command(reports.report)
cli.add_command(reports.merge)
cli.add_command(diff.diff)
cli.add_command(history.history)
cli.add_command(history.flaky)
cli.add_command(shell.shell)
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
        _complain("error: interrupted before anything ran")
        return INTERRUPTED
    except FarmError as error:
        _complain(message(error))
        return USAGE if isinstance(error, UsageError) else INFRASTRUCTURE
    except BrokenPipeError:
        # Whoever read us has gone; flushing at exit would fail once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # noqa: BLE001 - the last resort: whatever was not foreseen is a bug, and says so
        if isinstance(error, OSError) and error.errno in _HOST_IS_AT_ITS_END:
            _complain(f"error: the host is at its end\n{error}")
            return INFRASTRUCTURE
        _complain(f"{traceback.format_exc()}error: this is a bug in farm; please report it with the lines above")
        return BUG


def _complain(text: str) -> None:
    """Say it on stderr. The exit code stays what it is where nobody can be told (a full disk, a closed terminal)."""
    with contextlib.suppress(OSError):
        click.echo(text, err=True)


def message(error: FarmError) -> str:
    """``error: brief``, then detail and remedy on lines of their own."""
    return f"error: {error}"
