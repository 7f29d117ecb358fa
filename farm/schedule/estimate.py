"""How long a run will still take: pure but for what it is told, at the same small cost for each event.

The work that is left, by what the history expects of each job, over how many jobs have run at once so far. Of a job that is new
it is the mean of those that ended in this run, to which new ones that still run add what they have taken: short ones end first;
where none has ended, the mean of what is expected of others. Expectations are of other days and
another load: they are stretched by as much as what has ended took longer than expected. What runs counts from its start, and
the longest rest of it is the least that is left. Needs and quotas are not looked at: it is an estimate.
"""

from __future__ import annotations

from collections.abc import Mapping

_FEW = 3  # ends of which nothing is concluded for the others


class Estimate:
    """That of a run of the jobs in ``expected_s``: seconds by id, None for one that is new."""

    def __init__(self, expected_s: Mapping[str, float | None]) -> None:
        known = [each for each in expected_s.values() if each is not None]
        self._expected_s = expected_s
        self._left_s = sum(known)
        self._left_new = len(expected_s) - len(known)
        self._usual_s = self._left_s / len(known) if known else None
        self._running: dict[str, float] = {}
        self._since_s: float | None = None
        self._spent_s: dict[str, float] = {}
        self._ended = 0
        self._took_s = 0.0
        self._foreseen = 0
        self._foreseen_s = 0.0
        self._foreseen_took_s = 0.0

    def started(self, job_id: str, now_s: float) -> None:
        """An attempt at the job starts."""
        self._running[job_id] = now_s
        if self._since_s is None:
            self._since_s = now_s

    def retried(self, job_id: str, now_s: float) -> None:
        """The attempt ended, and the job is not over."""
        self._spent_s[job_id] = self._spent_s.get(job_id, 0.0) + now_s - self._running.pop(job_id, now_s)

    def finished(self, job_id: str, now_s: float) -> None:
        """The job is over, whether it had an attempt or not."""
        expected = self._expected_s.get(job_id)
        if expected is None:
            self._left_new -= 1
        else:
            self._left_s -= expected
        since = self._running.pop(job_id, None)
        if since is None:
            return  # it never ran: nothing is learned of others
        took = now_s - since + self._spent_s.pop(job_id, 0.0)
        self._ended += 1
        self._took_s += took
        if expected is not None:
            self._foreseen += 1
            self._foreseen_s += expected
            self._foreseen_took_s += took

    def left_s(self, now_s: float) -> float | None:
        """Seconds until all is over; None where nothing can be said yet."""
        new_s = self._usual_s
        if self._ended:
            gone = (now_s - since for job_id, since in self._running.items() if self._expected_s.get(job_id) is None)
            new_s = (self._took_s + sum(gone)) / self._ended
        if self._since_s is None or (self._left_new > 0 and new_s is None):
            return None
        pace = self._foreseen_took_s / self._foreseen_s if self._foreseen >= _FEW and self._foreseen_s > 0 else 1.0
        work_s = max(0.0, self._left_s) * pace + self._left_new * (new_s or 0.0)
        longest_s = gone_s = 0.0
        for job_id, since in self._running.items():
            known = self._expected_s.get(job_id)
            expected = new_s or 0.0 if known is None else known * pace
            done_s = min(now_s - since, expected)
            gone_s += done_s
            longest_s = max(longest_s, expected - done_s)
        running_s = sum(now_s - since for since in self._running.values())
        wall_s = now_s - self._since_s
        at_once = (self._took_s + running_s) / wall_s if wall_s > 0 else 0.0
        return max(longest_s, (work_s - gone_s) / max(1.0, at_once, float(len(self._running))))
