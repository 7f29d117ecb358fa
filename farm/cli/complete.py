"""What a shell is told when somebody presses the tabulator: ids of jobs, names of distros, tags.

Nothing is printed and nothing fails here: where the matrix file is wrong there is nothing to complete.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    add_completion_class,
    get_completion_class,
    split_arg_string,
)

from farm.cli import places
from farm.errors import FarmError, UsageError

if TYPE_CHECKING:
    from farm.model.job import Job

SHELLS = ("bash", "zsh", "fish")
VARIABLE = "_FARM_COMPLETE"
_MATRIX = "matrix.yaml"
_REPORTS = "reports"
_MOST = 500


def complete_jobs(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Ids of the jobs of the matrix file that is named, or of the one that is here."""
    return [CompletionItem(job.id, help=job.summary) for job in _jobs(context) if job.id.startswith(incomplete)][:_MOST]


def complete_known_jobs(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Ids of the jobs that the history of the folder of reports knows."""
    from farm.journal.history_file import FILE
    from farm.journal.history_reader import reading

    try:
        with reading(os.path.join(_reports(context), FILE)) as found:
            return _items(found.jobs() if found is not None else (), incomplete)[:_MOST]
    except (FarmError, OSError):
        return []


def complete_runs(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Runs of the folder of reports, the newest first."""
    from farm.app.sides import known_runs

    try:
        return _items(["latest", *reversed(known_runs(_reports(context)))], incomplete)[:_MOST]
    except (FarmError, OSError):
        return []


def complete_tags(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Tags of those jobs."""
    return _items((tag for job in _jobs(context) for tag in job.tags), incomplete)


def complete_distros(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Distros of those jobs."""
    return _items((job.distro for job in _jobs(context)), incomplete)


def complete_known_distros(
    context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Distros of those jobs, and all that could stand in a matrix file here."""
    from farm.matrix.catalogue import folders_of, read_catalogue

    names = [job.distro for job in _jobs(context)]
    try:
        names += read_catalogue(folders_of(_path(context), places.catalogue()), []).matching(f"{incomplete}*")
    except (FarmError, OSError):
        pass  # the same as above
    return _items(names, incomplete)


@click.command()
@click.argument("shell", type=click.Choice(SHELLS), required=False)
def completion(shell: str | None) -> None:
    """Print what makes SHELL complete farm's command lines.

    Commands, options, files, and the jobs, distros and tags of a matrix file. Without SHELL it is the one in use.

    \b
    source <(farm completion bash)       in ~/.bashrc
    source <(farm completion zsh)        in ~/.zshrc
    farm completion fish | source        in ~/.config/fish/config.fish
    """
    name = shell or os.path.basename(os.environ.get("SHELL", ""))
    found = get_completion_class(name) if name in SHELLS else None
    if found is None:
        raise UsageError(f"there is no completion for the shell {name!r}", remedy=f"name one of {', '.join(SHELLS)}")
    made = found(click.Group("farm"), {}, "farm", VARIABLE)
    click.echo(made.source_template % made.source_vars())


class _Bash(BashComplete):
    """bash divides words at ``=`` and ``:``, which stand in ids of jobs: the whole line is looked at in place of its words."""

    source_template = """\
%(complete_func)s() {
    local IFS=$'\\n' line
    COMPREPLY=()
    while read -r line; do [ -z "$line" ] || COMPREPLY+=("$line"); done < <(
        env COMP_LINE="${COMP_LINE:0:$COMP_POINT}" %(complete_var)s=bash_complete $1 2>/dev/null)
    compopt +o filenames +o nospace
    if [ ${#COMPREPLY[@]} = 1 ] && [ "${COMPREPLY[0]}" = // ]; then COMPREPLY=(); compopt -o default; fi
}
complete -o nosort -F %(complete_func)s %(prog_name)s
"""

    def get_completion_args(self) -> tuple[list[str], str]:
        line = os.environ["COMP_LINE"]
        words = split_arg_string(line)[1:]
        incomplete = words.pop() if words and not line[-1:].isspace() else ""
        # Of --job=ID only the value is completed.
        value = incomplete.partition("=")[2] if incomplete.startswith("-") else incomplete
        self._before = max(value.rfind("="), value.rfind(":")) + 1
        return words, incomplete

    def format_completion(self, item: CompletionItem) -> str:
        """What replaces bash's own word, which begins after the last ``=``; ``//`` asks for names of files."""
        return "//" if item.type in ("file", "dir") else item.value[self._before :]


add_completion_class(_Bash, "bash")


def _jobs(context: click.Context) -> tuple[Job, ...]:
    from farm.matrix.expand import expand
    from farm.matrix.load import load

    try:
        return expand(load(_path(context), places.catalogue()))
    except (FarmError, OSError):
        return ()


def _path(context: click.Context) -> str:
    return context.params.get("matrix") or _MATRIX


def _reports(context: click.Context) -> str:
    return context.params.get("reports") or _REPORTS


def _items(names: Iterable[str], incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(name) for name in dict.fromkeys(names) if name.startswith(incomplete)]
