"""What ``tox -e tests`` runs: every test, in two goes; with arguments, one pytest with these.

First, on as many workers as there are processors, files of tests that mind no neighbours. Then one test at a time those whose
farms would meet others': they are killed, leave groups behind and look for them, use up the host, change it, or measure.
"""

from __future__ import annotations

import os
import subprocess
import sys

_BOOTSTRAPS = "tests/system/test_example.py"
_PLANTS = "tests/kernel/image/test_host_image.py"  # below /usr and /etc
_BESIDE_EACH_OTHER = (  # what takes long first; the first waits for a mirror most of the time
    *(_BOOTSTRAPS, "tests/kernel/image", f"--ignore={_PLANTS}"),
    *("tests/kernel/network", "tests/kernel/kernel", "tests/unit"),
)
_ALONE = (_PLANTS, "tests/kernel/cgroup", "tests/kernel/engine", "tests/system", f"--ignore={_BOOTSTRAPS}")


def main(arguments: list[str]) -> int:
    if arguments:
        return subprocess.call(["pytest", *arguments])
    workers = str(len(os.sched_getaffinity(0)))
    # A file to a worker, in this order, so that what a module's fixture makes is made once.
    by_file = ("-n", workers, "--dist", "loadfile", "--no-loadscope-reorder")
    goes = (["pytest", *by_file, *_BESIDE_EACH_OTHER], ["pytest", *_ALONE])
    return next((status for status in [subprocess.call(each) for each in goes] if status), 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
