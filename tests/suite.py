"""What ``tox -e tests`` runs: every test, in two goes; with arguments, one pytest with these.

First files of tests that mind no neighbours, on a worker more than there are processors, for many of them wait. Then one test
at a time those that do: they use up the host, change it, look for what is left on all of it, or measure.
"""

from __future__ import annotations

import os
import subprocess
import sys

_BOOTSTRAPS = "tests/system/test_example.py"
_ALONE = (
    "tests/kernel/image/test_host_image.py",  # plants files below /usr and /etc
    "tests/kernel/engine/test_quotas.py",
    "tests/system/test_exhausted_host.py",
    "tests/system/test_gc.py",
    "tests/system/test_sigkill.py",
    "tests/system/test_two_thousand.py",
    "tests/system/test_ui.py",  # looks at a screen that is drawn again and again
    "tests/system/test_bench.py",
)
_BESIDE_EACH_OTHER = (  # what takes long first; the first waits for a mirror most of the time
    *(_BOOTSTRAPS, "tests/kernel/image", "tests/unit/schedule", "tests/system", "tests/unit/report"),
    *("tests/kernel", "tests/unit", *(f"--ignore={each}" for each in _ALONE)),
)


def main(arguments: list[str]) -> int:
    if arguments:
        return subprocess.call(["pytest", *arguments])
    workers = str(len(os.sched_getaffinity(0)) + 1)
    # A file to a worker, in this order, so that what a module's fixture makes is made once.
    by_file = ("-n", workers, "--dist", "loadfile", "--no-loadscope-reorder")
    goes = (["pytest", *by_file, *_BESIDE_EACH_OTHER], ["pytest", *_ALONE])
    return next((status for status in [subprocess.call(each) for each in goes] if status), 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
