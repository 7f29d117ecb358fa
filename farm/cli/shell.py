"""``shell``: a container to look around in."""

from __future__ import annotations

import click

from farm.cli import options
from farm.cli.complete import complete_known_distros
from farm.errors import UsageError


@click.command()
@click.argument("distro", metavar="DISTRO|JOB", shell_complete=complete_known_distros)
@click.argument("command", nargs=-1, metavar="[-- COMMAND...]")
@click.option(
    "-f", "--matrix", type=click.Path(), metavar="FILE", help="Whose distros are meant; matrix.yaml if there."
)
@click.option("--cpus", type=options.factor, metavar="N", help="Cores' worth of time; 1.")
@click.option("--memory", type=options.size, metavar="SIZE", help="Memory and scratch space together; 512M.")
@click.option("--pids", type=click.IntRange(1), metavar="N", help="Processes and threads; 256.")
def shell(
    distro: str,
    command: tuple[str, ...],
    matrix: str | None,
    cpus: float | None,
    memory: int | None,
    pids: int | None,
) -> int:
    """Open a shell, or run COMMAND, in a fresh container of DISTRO.

    DISTRO is host, a name that the matrix file or a folder of distros defines, or a path to a tarball or a directory, with
    a slash in it. What is written there is gone when the shell ends. The exit code is that of the shell.

    JOB is a job that failed in a run that keeps the containers of such (farm run --keep failed), while that run goes on: the
    shell is in that container, as the job's user, and what it changes stays there. It goes before a path of that name.

    \b
    farm shell debian-12 -- sh -c 'cat /etc/os-release'
    farm shell 'unit/alpine-3.19[opt=O2]'
    """
    from farm.app import shell as app
    from farm.app.enter import enter, kept
    from farm.cli.transfers import transfers
    from farm.model.limits import Limits

    if "/" in distro:
        for run, jobs in reversed(kept(options.home()).items()):
            if distro in jobs:
                if matrix or cpus or memory or pids:
                    raise UsageError("a container that is kept is as it is", distro, "leave --matrix and quotas out")
                return enter(options.home(), run, distro, command)
    usual = Limits()
    limits = Limits(cpus=cpus or usual.cpus, memory_bytes=memory or usual.memory_bytes, pids=pids or usual.pids)
    return app.shell(app.ShellOptions(distro, options.home(), command, matrix, options.catalogue(), limits), transfers)
