"""``diff``: two runs, side by side."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from farm.cli import complete, options, tables

if TYPE_CHECKING:
    from farm.app.comparing import Difference
    from farm.app.sides import Ended, Side


@click.command()
@click.argument("before", metavar="RUN", shell_complete=complete.complete_runs)
@click.argument("after", metavar="[RUN]", default="latest", shell_complete=complete.complete_runs)
@options.reports_folder
@options.table_format
@options.as_json
def diff(before: str, after: str, reports: str, style: str, as_json: bool) -> int:
    """Show what differs between two runs.

    Outcomes that changed, jobs that only one of them has, and durations that are half as long again or more, and by a second.
    RUN is an id, the beginning of one, latest, or the path of a run's folder; the second is latest where it is left out.

    Exit codes: 0 where nothing got worse, 1 where a job is bad in the second run that was not in the first.

    \b
    farm diff 20260102T030405Z latest
    farm diff 20260102T030405Z ./from-ci/20260103T030405Z-51d0 --json
    """
    from farm.app.comparing import differences, still
    from farm.app.sides import side

    old, new = side(reports, before), side(reports, after)
    found = differences(old, new)
    if as_json:
        document = {
            "before": old.id,
            "after": new.id,
            "still": still(old, new),
            "differences": [_difference_document(each) for each in found],
        }
        click.echo(json.dumps(document, indent=2))
    else:
        _table_of_differences(found, old, new, style)
    return 1 if any(each.worse for each in found) else 0


def _table_of_differences(found: Sequence[Difference], old: Side, new: Side, style: str) -> None:
    from farm.app.comparing import What, still
    from farm.report.text import line

    if found:
        rows = [[each.what, _told(each.before), _told(each.after), _factor(each), line(each.job_id)] for each in found]
        header = ("", "before", "after", "times", "job")
        click.echo(tables.table(rows, header, style, (None,) * 4, tables.columns()))
    counted = Counter(each.what for each in found)
    parts = [f"{counted[each]} {each}" for each in What if counted[each]]
    parts.append(f"{still(old, new)} still failing")
    click.echo(f"{', '.join(parts)}: {line(new.id)} against {line(old.id)}")


def _told(ended: Ended | None) -> str:
    from farm.units import format_duration

    return f"{ended.outcome}  {format_duration(ended.duration_s)}" if ended is not None else ""


def _factor(difference: Difference) -> str:
    return f"{difference.factor:.2g}" if difference.what in ("slower", "faster") else ""


def _difference_document(each: Difference) -> dict[str, object]:
    def ended(side: Ended | None) -> dict[str, object] | None:
        return None if side is None else {"outcome": side.outcome, "duration_s": side.duration_s}

    return {"job": each.job_id, "what": each.what, "before": ended(each.before), "after": ended(each.after)}
