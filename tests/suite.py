"""What ``tox -e tests`` runs: every test, in two goes; with arguments, one pytest with these.

First, on as many workers as there are processors, files of tests that mind no neighbours. Then one test at a time those whose
farms would meet others': they are killed, leave control groups behind and look for them, use up the host, or measure.
"""

from __future__ import annotations

import os
import subprocess
import sys

BESIDE_EACH_OTHER = ("tests/unit", "tests/kernel/image", "tests/kernel/kernel", "tests/kernel/network")
ALONE = ("tests/kernel/cgroup", "tests/kernel/engine", "tests/system")


def main(arguments: list[str]) -> int:
    if arguments:
        return subprocess.call(["pytest", *arguments])
    workers = str(len(os.sched_getaffinity(0)))
    # A file to a worker, so that what a module's fixture makes is made once.
    codes = [subprocess.call(["pytest", "-n", workers, "--dist", "loadfile", *BESIDE_EACH_OTHER])]
    codes.append(subprocess.call(["pytest", *ALONE]))
    return max(codes)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
