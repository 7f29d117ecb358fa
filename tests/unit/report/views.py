"""Runs that go on, to look at: what ``View`` says is what a test put there."""

from __future__ import annotations

from collections.abc import Mapping

from farm.model.ports import Glimpse
from farm.schedule import policy
from farm.schedule.standing import Standing, Used, Why

BUDGET = policy.budget(2, 10 << 30)


class FakeView:
    """``looked`` are the jobs that were looked at, in order."""

    def __init__(
        self,
        expected_s: Mapping[str, float | None],
        waiting: Mapping[Why, int] | None = None,
        *,
        run_dir: str = "/nowhere",
        last_line: str = "checking for gcc... yes",
    ) -> None:
        self.run_dir = run_dir
        self._expected_s = expected_s
        self._waiting = waiting or {}
        self._last_line = last_line
        self.looked: list[str] = []

    def expected_s(self) -> Mapping[str, float | None]:
        return self._expected_s

    def standing(self) -> Standing:
        return Standing(BUDGET, Used(3, 2.5, 1536 << 20), 16, self._waiting)

    def look(self, job_id: str) -> Glimpse | None:
        self.looked.append(job_id)
        return Glimpse(12 << 20, self._last_line)
