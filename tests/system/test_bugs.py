"""A bug of the farm itself costs neither the report of what was done until then nor the host its order."""

from __future__ import annotations

import subprocess
import sys

import pytest

from farm.model.outcome import Outcome
from tests.system.conftest import ROOT

pytestmark = pytest.mark.root

# A user interface that breaks at the third job is as good a bug as any.
BROKEN = """
import sys
from farm.cli import main, run
from farm.report.terminal import QuietUi

class Broken(QuietUi):
    seen = 0
    def finished(self, *_):
        self.seen += 1
        if self.seen == 3:
            raise ZeroDivisionError("the bug")

run.ui = lambda kind: Broken(sys.stdout)
sys.exit(main.status(sys.argv[1:]))
"""


def test_a_bug_in_the_middle_of_a_run_is_three_and_what_was_done_is_reported(farm, living):
    waiting = "sleep 4831"
    more = f"  then: {{run: 'exec {waiting}', strategy: {{matrix: {{n: [1, 2, 3, 4]}}}}}}"
    matrix = farm.write('  first: {run: "true", strategy: {matrix: {n: [1, 2, 3, 4]}}}\n' + more)
    done = subprocess.run(
        [sys.executable, "-c", BROKEN, "run", str(matrix), "-j", "8", "--reports", str(farm.folder / "reports")],
        cwd=ROOT,
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "FARM_HOME": str(farm.home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3
    assert "ZeroDivisionError: the bug" in done.stderr
    assert "this is a bug in farm" in done.stderr
    (run,) = farm.runs()
    found = farm.outcomes(run.name)
    assert found[Outcome.PASSED] >= 3
    assert found[None] >= 4
    for name in ("index.html", "junit.xml", "results.json"):
        assert (run / name).stat().st_size > 0
    assert living(waiting) == []
