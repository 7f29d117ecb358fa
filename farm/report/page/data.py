"""The blocks of data in the page: ``run`` first, then ``part-0``, ``part-1``, ... of ``PART`` jobs each.

Parts are made one at a time, while the page is written.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from farm.model.memory import Memory
from farm.model.outcome import Outcome
from farm.model.run import RunRecord
from farm.report import summary, text
from farm.report.findings import Cause, Group
from farm.report.page import choice, table
from farm.report.page.detail import Detailer
from farm.report.page.marks import GLYPHS, WORDS
from farm.report.page.wire import packed

PART = 200
_MOST_GROUPS = 200


def blocks(record: RunRecord, run_dir: str, memory: Memory, groups: Sequence[Group]) -> Iterator[tuple[str, str]]:
    """Names and contents; ``past``, the last, names the earlier runs that the parts know by number."""
    yield "run", packed(_run(record, memory, groups))
    numbers = {each.job.id: number for number, each in enumerate(record.jobs)}
    detailer = Detailer(record, run_dir, memory, choice.choose(record, numbers), numbers)
    for begin in range(0, len(record.jobs), PART):
        jobs = range(begin, min(begin + PART, len(record.jobs)))
        yield f"part-{begin // PART}", packed([detailer.of(number) for number in jobs])
    yield "past", packed([(text.line(run), started_at) for run, started_at in detailer.runs.began])


def _run(record: RunRecord, memory: Memory, groups: Sequence[Group]) -> dict[str, object]:
    info, asked = record.info, record.info.asked
    return {
        "words": WORDS,
        "glyphs": [GLYPHS[each] for each in WORDS],
        "bad": [number for number, each in enumerate(Outcome) if each.bad],
        "part": PART,
        "status": summary.status_of(record),
        "started": info.started_at,
        "duration": record.duration_s,
        "baseline": text.line(memory.baseline),
        "matrix": text.line(info.matrix_path),
        "command": text.line(shlex.join(info.command_line)),
        "seed": asked.seed,
        "cpus": info.cpus,
        "memory": info.memory_bytes,
        "images": [
            {
                "digest": text.line(each.digest),
                "distro": text.line(each.distro),
                "source": text.line(each.source),
                "prepared": text.line(each.prepared),
                "facts": [
                    (name.replace("_", " "), text.line(said))
                    for name in _FACTS
                    if (said := str(getattr(each.facts, name)))
                ],
            }
            for each in record.images
        ],
        "groups": [_group(each) for each in groups[:_MOST_GROUPS]],
        "jobs": table.columns(record, memory),
        "spans": table.spans(record),
    }


_FACTS = ("pretty_name", "family", "libc", "libc_version", "arch", "package_manager", "init")


def _group(group: Group) -> dict[str, object]:
    return {
        "signature": text.line(group.signature),
        "example": text.line(group.example),
        "jobs": group.jobs,
        "causes": [_cause(each) for each in group.causes],
        "note": text.line(group.note),
    }


def _cause(cause: Cause) -> dict[str, object]:
    return {
        "said": text.line(cause.sentence),
        "fact": text.line(cause.fact),
        "with": (cause.bad_with, cause.all_with),
        "without": (cause.bad_without, cause.all_without),
        "sure": cause.is_sure,
        "same": [text.line(each) for each in cause.same],
    }
