"""What is made of a run's journal once it has ended: its report, its place in the history, how well it used the host."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Sequence

from farm.app.folder import JOURNAL, point_latest
from farm.app.options import Ui
from farm.app.recalling import recalled, remember
from farm.errors import FarmError
from farm.journal import queries
from farm.model.run import RunRecord
from farm.report.findings import Group
from farm.report.write import write_all
from farm.schedule.makespan import ideal_s
from farm.schedule.policy import Budget
from farm.units import format_duration


def report(
    run_dir: str, ui: Ui, *, given: Budget | None = None, since: float = 0.0, replaces: Sequence[str] = ()
) -> RunRecord:
    """Write the report of the run in ``run_dir``, which has ended, and tell of it. Raises ``FarmError``.

    With ``given`` also what its attempts since then, in seconds of the epoch, made of that budget. ``replaces`` are runs of
    the history that this one was merged of.
    """
    record = queries.read(os.path.join(run_dir, JOURNAL))
    remember(
        run_dir, record, ui.note, replaces
    )  # before its past is asked for: of what it replaces nothing is part of that
    memory, groups = recalled(run_dir, record, ui.note), common(record, run_dir)
    write_all(run_dir, record, memory, groups)
    try:
        point_latest(run_dir)
    except OSError as error:
        ui.note(f"the report is there, but the link latest is not: {error}")
    if given is not None and (said := used(record, given, since)):
        ui.note(said)
    ui.end(record, run_dir, memory, groups)
    return record


def common(record: RunRecord, run_dir: str) -> Sequence[Group]:
    """What the failures of the run in ``run_dir`` have in common."""
    # Not above: nothing before the end of a run needs it.
    from farm.report.attribution import groups

    return groups(record, run_dir)


def salvage(run_dir: str, ui: Ui) -> None:
    """The run ended by an error: report what the journal has, and keep no folder of a run that never began."""
    try:
        record = queries.read(os.path.join(run_dir, JOURNAL))
    except FarmError:
        if not os.path.exists(os.path.join(run_dir, "logs")):
            shutil.rmtree(run_dir, ignore_errors=True)
        return
    # The error that is on its way out says more than one of these could.
    with contextlib.suppress(FarmError, OSError):
        memory, groups = recalled(run_dir, record, ui.note), common(record, run_dir)
        write_all(run_dir, record, memory, groups)
        ui.end(record, run_dir, memory, groups)


def used(record: RunRecord, given: Budget, since: float = 0.0) -> str:
    """A sentence on the makespan and the ideal; empty where nothing ran."""
    attempts = [[one for one in each.attempts if one.started_at >= since] for each in record.jobs]
    ran = [one for each in attempts for one in each]
    if not ran:
        return ""
    took_s = [sum(one.setup_s + one.duration_s for one in each) for each in attempts]
    ended_at = max(one.started_at + one.setup_s + one.duration_s for one in ran)
    makespan_s = ended_at - min(one.started_at for one in ran)
    best_s = ideal_s([each.job for each in record.jobs], took_s, given)
    share = min(1.0, best_s / makespan_s) if makespan_s > 0 else 1.0
    return (
        f"makespan {format_duration(makespan_s)}, ideal for what the jobs took {format_duration(best_s)}: {share:.0%}; "
        f"up to {given.slots} at once on {given.cores} {'core' if given.cores == 1 else 'cores'}"
    )
