"""The lines of a live screen, from what is known of a run at one moment and the size of the terminal: pure.

From the top: how far the run is, what of the budget is in use, why jobs wait, what is fetched or prepared, and the jobs that
have run longest. They take half of the terminal at most; docs/ui.md promises what is where.
"""

from __future__ import annotations

from rich.text import Text

from farm.report import text as safe
from farm.report.going import clock, in_use, left, waits
from farm.schedule.standing import Standing
from farm.units import format_bytes
from farm.values import dataclass

_LEAST_LINES, _MOST_ROWS = 6, 20
_HEAD_CELLS = 50  # of what is said after the bar, which matters more
_LEAST_BAR, _MOST_BAR = 10, 60
_TIME_CELLS, _MEMORY_CELLS = 8, 10
_LEAST_LOG = 12


@dataclass(frozen=True, slots=True)
class Row:
    """A running job: its id, for how long it has run, and what can be seen of it."""

    job_id: str
    elapsed_s: float
    memory_bytes: int | None = None
    last_line: str = ""


@dataclass(frozen=True, slots=True)
class Going:
    """What is fetched or prepared, for how long, and how far it has come."""

    what: str
    elapsed_s: float
    text: str


@dataclass(frozen=True, slots=True)
class Moment:
    """A run, ``gone_s`` after its beginning. ``left_s`` and ``standing`` are None where they are not known.

    ``rows`` are those of the ``running`` jobs that there is ``room`` for; ``name_cells`` is what the longest id takes.
    """

    total: int
    done: int
    bad: int
    gone_s: float
    left_s: float | None
    standing: Standing | None
    running: int
    name_cells: int
    rows: tuple[Row, ...] = ()
    going: tuple[Going, ...] = ()
    cancelled: int = 0


@dataclass(frozen=True, slots=True)
class Glyphs:
    """What bars and gaps are drawn with: a terminal may not have all of Unicode."""

    full: str = "━"
    gap: str = "…"


ASCII = Glyphs("=", "~")


def room(lines: int, going: int) -> int:
    """How many running jobs there is room for on a terminal of so many ``lines``, beside ``going``."""
    return max(1, min(_MOST_ROWS, _most(lines) - 4 - min(going, _most_going(lines))))


def screen(moment: Moment, columns: int, lines: int, glyphs: Glyphs = Glyphs()) -> list[Text]:  # noqa: B008 - frozen
    """At most half of the terminal's ``lines``, each narrower than its ``columns``."""
    cells = max(1, columns - 1)
    found = [_head(moment, cells, glyphs)] if moment.total else []
    if moment.standing is not None:
        found.append(Text(f"  {in_use(moment.standing)}", "dim"))
        if said := waits(moment.standing):
            found.append(Text(f"  {said}", "dim"))
    going = moment.going[-_most_going(lines) :]
    what_cells = min(
        max((len(safe.line(each.what)) for each in going), default=0), max(8, cells // 2 - _TIME_CELLS - 2)
    )
    found += [_going(each, what_cells, glyphs) for each in going]
    found += [_row(each, moment.name_cells, cells, glyphs) for each in moment.rows]
    if moment.running > len(moment.rows) > 0:
        found.append(Text(f"{'':{_TIME_CELLS + _MEMORY_CELLS + 2}}and {moment.running - len(moment.rows)} more", "dim"))
    return [_cut(each, cells, glyphs) for each in found[: max(1, lines - 1)]]


def fitted(name: str, cells: int, gap: str = "…") -> str:
    """``name`` without its middle where it is too long: jobs of one test differ in their ends."""
    if len(name) <= cells or cells < 3:
        return name
    end = (cells - 1) * 2 // 3
    return f"{name[: cells - 1 - end]}{gap}{name[-end:]}"


def _most(lines: int) -> int:
    return max(_LEAST_LINES, lines // 2)


def _most_going(lines: int) -> int:
    return max(1, _most(lines) // 4)


def _head(moment: Moment, cells: int, glyphs: Glyphs) -> Text:
    bar = min(_MOST_BAR, cells - _HEAD_CELLS)
    found = Text()
    if bar >= _LEAST_BAR and moment.total:
        full = bar * moment.done // moment.total
        red = _part(full, moment.bad, moment.done)
        yellow = min(full - red, _part(full, moment.cancelled, moment.done))
        for length, style in ((red, "red"), (yellow, "yellow"), (full - red - yellow, "green"), (bar - full, "dim")):
            found.append(glyphs.full * length, style)
        found.append("  ")
    found.append(f"{moment.done}/{moment.total}", "bold")
    if moment.bad:
        found.append(f"  {moment.bad} bad", "bold red")
    found.append(f"  {clock(moment.gone_s)}")
    if moment.left_s is not None and moment.done < moment.total:
        found.append(f", {left(moment.left_s)}")
    return found


def _part(cells: int, count: int, of: int) -> int:
    """What of ``cells`` shows ``count`` of so many: one at least, for something is seen of the few as well."""
    return min(cells, max(1, cells * count // of)) if count else 0


def _going(going: Going, what_cells: int, glyphs: Glyphs) -> Text:
    found = Text().append(f"{clock(going.elapsed_s):>{_TIME_CELLS}}  ", "dim")
    found.append(f"{fitted(safe.line(going.what), what_cells, glyphs.gap):{what_cells}}", "cyan")
    return found.append(f"  {safe.line(going.text)}", "dim")


def _row(row: Row, name_cells: int, cells: int, glyphs: Glyphs) -> Text:
    """Columns at the same place in every row: time, memory, name and, where there is room for it, the log's last line."""
    memory = "" if row.memory_bytes is None else format_bytes(row.memory_bytes)
    found = Text().append(f"{clock(row.elapsed_s):>{_TIME_CELLS}}{memory:>{_MEMORY_CELLS}}  ", "dim")
    left = cells - found.cell_len
    width = min(name_cells, left if left < 2 * _LEAST_LOG else max(left - 2 - _LEAST_LOG, 0), max(36, left * 2 // 5))
    name = Text(fitted(safe.line(row.job_id), width, glyphs.gap))
    name.truncate(width, pad=True)
    found.append(name)
    said = safe.line(safe.body(row.last_line)).strip()
    return found.append(f"  {said}", "dim") if left - width >= _LEAST_LOG and said else found


def _cut(line: Text, cells: int, glyphs: Glyphs) -> Text:
    """``line`` no longer than ``cells``, and without blanks at its end."""
    line.rstrip()
    if line.cell_len > cells:
        line.truncate(max(0, cells - 1))
        line.append(glyphs.gap)
    return line
