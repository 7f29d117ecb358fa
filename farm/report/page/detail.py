"""What only a job's own view shows, as the page's script reads it: texts made harmless, numbers as they are."""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field

from farm.model.artifact import Case, CaseOutcome
from farm.model.job import Attempt, Job
from farm.model.memory import JobMemory, Memory
from farm.model.outcome import Outcome
from farm.model.paths import safe_name
from farm.model.run import JobRecord, RunInfo, RunRecord
from farm.report import cases, text, words
from farm.report.logs import tail
from farm.report.page import past
from farm.report.page.choice import Choice
from farm.report.page.compare import MOST_LINES, difference
from farm.report.page.log import Excerpt, excerpt
from farm.report.page.marks import code, href
from farm.report.repro import repro
from farm.report.signature import Signatures

MOST_CASES = 30
_MOST_FILES = 200
_MOST_NEEDS = 50


@dataclass(slots=True)
class Detailer:
    """Makes details of the jobs of one run; ``runs`` are the earlier ones that they named."""

    record: RunRecord
    run_dir: str
    memory: Memory
    choice: Choice
    numbers: Mapping[str, int]
    runs: past.Runs = field(default_factory=past.Runs)
    _images: dict[str, int] = field(init=False)
    _signatures: Signatures = field(init=False)

    def __post_init__(self) -> None:
        self._images = {each.digest: number for number, each in enumerate(self.record.images)}
        self._signatures = Signatures(self.record.jobs, self.run_dir)

    def of(self, number: int) -> dict[str, object]:
        """The job with this number; what is empty is left out."""
        record = self.record.jobs[number]
        job = record.job
        known = past.of(self.memory, record)
        found: dict[str, object] = {
            **command(job),
            "limits": _limits(job),
            "where": text.line(job.where),
            "repro": text.line(again(self.record.info, job)),
            "opted": text.line(words.opted_out(job)),
            "network": job.network.value if job.network.value != "none" else "",
            "needs": [self.numbers[each] for each in job.needs[:_MOST_NEEDS] if each in self.numbers],
            "prepare": text.body(job.prepare.template) if job.prepare else "",
            "services": [f"{text.line(each.name)} on {text.line(each.distro)}" for each in job.services],
            "attempts": [self._attempt(number, job, each) for each in record.attempts],
            "trend": past.told(known, self.runs) if self._worth(record, known) else [],
            "diff": self._difference(number, record),
        }
        return {name: value for name, value in found.items() if value not in ("", [], None)}

    @staticmethod
    def _worth(record: JobRecord, known: JobMemory) -> bool:
        """Ten thousand good jobs with thirty results each would be half of the page."""
        return record.outcome is not Outcome.PASSED or known.change is not None or bool(known.flakiness)

    def _attempt(self, number: int, job: Job, attempt: Attempt) -> dict[str, object]:
        usage = attempt.usage
        found: dict[str, object] = {
            "n": attempt.number,
            "outcome": code(attempt.outcome),
            "reason": text.line(words.told(attempt.reason, attempt)),
            "ending": words.ending(attempt.wait_status),
            "at": round(attempt.started_at),
            "setup": _rounded(attempt.setup_s),
            "took": _rounded(attempt.duration_s),
            "waited": _rounded(attempt.waited_s),
            "cpu": _rounded(usage.cpu_s),
            "peak": usage.memory_peak_bytes,
            "throttled": _rounded(usage.throttled_s),
            "periods": usage.throttled_periods,
            "oom": usage.oom_kills,
            "hits": usage.limit_hits,
            "refused": usage.pids_refused,
            "image": self._images.get(attempt.image),
            "digest": text.line(attempt.image),
            "trouble": [
                (name, text.line(said)) for name, said in (words.trouble(attempt.failure) if attempt.failure else ())
            ],
            "log": self._log(number, job, attempt),
            "artifacts": _artifacts(attempt),
            "cases": [_told(each) for each in failing(self.run_dir, attempt)],
            "beside": _beside(self.run_dir, job, attempt),
        }
        return {name: value for name, value in found.items() if value not in ("", [], None)}

    def _log(self, number: int, job: Job, attempt: Attempt) -> dict[str, object] | None:
        if not attempt.log_path or not attempt.log_bytes:
            return None
        lines = self.choice.lines.get((number, attempt.number), 0)
        speaks = self._signatures.speaks(job) if attempt.outcome.bad else _never
        shown = excerpt(self.run_dir, attempt.log_path, lines, speaks) if lines else Excerpt(whole=False)
        return {
            "href": href(attempt.log_path),
            "bytes": attempt.log_bytes,
            "cut": attempt.log_truncated,
            "whole": shown.whole,
            "error": shown.error,
            "pieces": [(each.first, each.lines) for each in shown.pieces],
        }

    def _difference(self, number: int, record: JobRecord) -> dict[str, object] | None:
        other = self.choice.passed.get(number)
        if other is None:
            return None
        passed, here = (
            tail(self.run_dir, each.attempts[-1].log_path, MOST_LINES) for each in (self.record.jobs[other], record)
        )
        if not passed.text:
            return None
        found = difference(passed.text.split("\n"), here.text.split("\n"))
        return {"other": other, "lines": found.lines, "more": found.more, "whole": passed.whole and here.whole}


def command(job: Job) -> dict[str, object]:
    """What runs, as the matrix file says it."""
    return {
        "script": text.body(job.script),
        "argv": text.line(shlex.join(job.shell if job.script else job.argv)),
        "env": [(text.line(name), text.line(shlex.quote(value))) for name, value in job.env],
        "always": text.body(job.always),
        "debug": text.body(job.debug),
        "secrets": [text.line(each) for each in job.secrets],
        "user": text.line(job.user),
        "expect": job.expect.value if job.expect.value != "pass" else "",
    }


def again(info: RunInfo, job: Job) -> str:
    """As typed where the matrix file is: a page has no folder of its reader's."""
    return repro(info, job, directory=os.path.dirname(info.matrix_path))


def failing(run_dir: str, attempt: Attempt | None) -> list[Case]:
    """The test cases that the attempt left behind and that did not pass, so many that the last says how many there are."""
    if attempt is None or not attempt.cases_path:
        return []
    bad = (CaseOutcome.FAILED, CaseOutcome.ERROR)
    found = [each for each in cases.load(run_dir, attempt.cases_path) if each.outcome in bad]
    if len(found) > MOST_CASES:
        return [*found[:MOST_CASES], Case(f"and {len(found) - MOST_CASES} more, in junit.xml")]
    return found


def _never(_line: str) -> bool:
    """What speaks of an error in the log of an attempt that was good was none."""
    return False


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


def _told(case: Case) -> tuple[str, str]:
    name = f"{case.classname} {case.name}" if case.classname else case.name
    return text.line(name), text.line(case.message.partition("\n")[0])


def _limits(job: Job) -> dict[str, object]:
    limits = job.limits
    found = {
        "timeout": job.timeout_s,
        "idle": job.idle_timeout_s,
        "cpus": limits.cpus,
        "memory": limits.memory_bytes,
        "swap": limits.swap_bytes,
        "pids": limits.pids,
        "disk": limits.disk_bytes,
        "io": limits.io_weight,
    }
    return {name: value for name, value in found.items() if value}


def _artifacts(attempt: Attempt) -> dict[str, object] | None:
    if not attempt.artifacts:
        return None
    base = attempt.artifacts_path
    return {
        "href": f"{href(base)}/",
        "bytes": sum(each.size_bytes for each in attempt.artifacts),
        "count": len(attempt.artifacts),
        "files": [
            (text.line(each.path), href(f"{base}/{each.path}"), each.size_bytes)
            for each in attempt.artifacts[:_MOST_FILES]
        ],
    }


def _beside(run_dir: str, job: Job, attempt: Attempt) -> list[tuple[str, str, int]]:
    """The logs of services and of what asked whether they are healthy, those that are there: name, link, bytes."""
    found = []
    for service in job.services if attempt.log_path else ():
        for name in (service.name, f"{service.name}/healthcheck"):
            path = f"{attempt.log_path.removesuffix('.log')}.{safe_name(name)}.log"
            try:
                status = os.lstat(os.path.join(run_dir, path))
            except OSError:
                continue
            if stat.S_ISREG(status.st_mode) and status.st_size:
                found.append((text.line(name.replace("/", " ")), href(path), status.st_size))
    return found
