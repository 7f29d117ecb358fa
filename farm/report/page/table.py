"""All jobs of a run in columns, as the page's lists, grid and timeline need them. Pure."""

from __future__ import annotations

from farm.model.memory import Memory
from farm.model.run import JobRecord, RunRecord
from farm.report import critical, summary, text, words
from farm.report.page import past
from farm.report.page.marks import code
from farm.report.page.wire import Texts

_MOST_SAMPLES = 600
_KIB = 1 << 10


def columns(record: RunRecord, memory: Memory) -> dict[str, object]:
    """A list for each column, an entry for each job. Durations are milliseconds, sizes KiB, -1 for what is not known.

    ``test``, ``distro``, ``axes``, ``tags``, ``reason`` and ``since`` are numbers into the lists of ``texts``.
    """
    tests, distros, reasons, tags, sinces = Texts(), Texts(), Texts(), Texts(), Texts()
    axes: dict[tuple[tuple[str, str], ...], int] = {}
    found: dict[str, list[object]] = {
        name: []
        for name in "id test distro axes tags reason outcome attempts took cpu peak log change flaky since past level".split()
    }
    for each in record.jobs:
        known = past.of(memory, each)
        took_s = summary.duration_s(each)
        last = each.attempts[-1] if each.attempts else None
        usage = last.usage if last else None
        row = (
            text.line(each.job.id),
            tests.number(each.job.test),
            distros.number(each.job.distro),
            axes.setdefault(each.job.axes, len(axes)),
            tags.number("\0".join(each.job.tags)),
            reasons.number(words.told(each.reason, last)),
            code(each.outcome),
            len(each.attempts),
            _ms(took_s) if last else -1,
            _ms(usage.cpu_s) if usage else -1,
            -1 if usage is None or usage.memory_peak_bytes is None else usage.memory_peak_bytes // _KIB,
            last.log_bytes if last else 0,
            past.change(known),
            -1 if known.flakiness is None else round(100 * known.flakiness),
            sinces.number(known.since),
            past.outcomes(known),
            past.levels(known, took_s),
        )
        for column, value in zip(found.values(), row, strict=True):
            column.append(value)
    dull = [name for name in ("flaky", "past", "level", "change") if len(set(found[name])) == 1]
    for name in dull:  # as without a history: said once
        found[name] = found[name][:1]
    return {
        **found,
        "texts": {
            "test": tests.all(),
            "distro": distros.all(),
            "reason": reasons.all(),
            "since": sinces.all(),
            "tags": [[text.line(tag) for tag in each.split("\0") if tag] for each in tags.raw()],
            "axes": [[(text.line(name), text.line(value)) for name, value in each] for each in axes],
        },
        "about": _about(record),
    }


def spans(record: RunRecord) -> dict[str, object]:
    """When each attempt was there, in columns of milliseconds: ``job`` is its number, ``waited`` -1 where it is not known."""
    found: dict[str, list[int]] = {"job": [], "began": [], "setup": [], "took": [], "waited": [], "outcome": []}
    for number, each in enumerate(record.jobs):
        for attempt in each.attempts:
            row = (
                number,
                _ms(critical.began_s(attempt, record.info.started_at)),
                _ms(attempt.setup_s),
                _ms(attempt.duration_s),
                _ms(attempt.waited_s),
                code(attempt.outcome),
            )
            for column, value in zip(found.values(), row, strict=True):
                column.append(value)
    return {
        **found,
        "samples": _samples(record),
        "critical": [
            (each.number, _ms(each.began_s), _ms(each.ended_s), _ms(each.idle_s))
            for each in critical.path(record.jobs, record.info.started_at)
        ],
    }


def _samples(record: RunRecord) -> list[tuple[int, int, int, int, int]]:
    """Milliseconds, cpu in thousandths, MiB, running, waiting; of a long run the means of neighbours."""
    every = -(-len(record.samples) // _MOST_SAMPLES) or 1
    found = []
    for begin in range(0, len(record.samples), every):
        some = record.samples[begin : begin + every]
        count = len(some)
        found.append(
            (
                _ms(some[-1].at_s),
                round(1000 * sum(each.cpu for each in some) / count),
                max(each.memory_bytes for each in some) >> 20,
                round(sum(each.running for each in some) / count),
                round(sum(each.waiting for each in some) / count),
            )
        )
    return found


def _about(record: RunRecord) -> dict[str, str]:
    """What tests are about, those that say so."""
    found: dict[str, JobRecord] = {}
    for each in record.jobs:
        found.setdefault(each.job.test, each)
    return {text.line(test): text.line(each.job.summary) for test, each in found.items() if each.job.summary}


def _ms(seconds: float | None) -> int:
    return -1 if seconds is None else round(1000 * seconds)
