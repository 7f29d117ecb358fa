"""Run a command over the working tree in a virtual machine that has a pure cgroup v2 hierarchy.

    python tests/vm/run.py [--seconds N] [--memory MIB] [--kvm]
                             [--suite NAME] [--v1 CONTROLLERS] -- COMMAND...

As root on Debian or Ubuntu; what is missing (qemu, mmdebstrap, e2fsprogs) is installed with apt-get. The machine is
emulated, some 15 times slower than its host, which works everywhere; ``--kvm`` asks for the processor's virtualization
instead (a host that is itself a virtual machine may offer it and then hang). In the machine the command starts in a copy
of the working tree, as root, with Debian's python3 and the project's dependencies importable, and

    FARM_TEST_ROOTFS     the host's folder of root filesystems, copied
    FARM_TEST_SLOWDOWN   how many times slower than a real machine to take this one for

``--suite trixie`` brings Linux 6.12 in place of 6.1; ``--v1 memory,pids`` makes the hierarchy a hybrid.

The exit status is the command's; 124 past the time limit, 125 where the machine did not come up. Nothing is left behind but
the cache (see ``base.py``).
"""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import sys
import tempfile
import time

import base
import machine
import work
from tools import VmError, say


def main() -> int:
    parser = argparse.ArgumentParser(description="run a command over the working tree on a pure cgroup v2 machine")
    parser.add_argument("--seconds", type=int, default=900, help="hard limit for the machine's life (default 900)")
    parser.add_argument("--memory", type=int, default=3072, metavar="MIB", help="of the machine (default 3072)")
    parser.add_argument("--kvm", action="store_true", help="do not emulate: needs a sound /dev/kvm")
    parser.add_argument("--suite", default="bookworm", choices=sorted(base.PYTHON_OF_SUITE), help="of Debian")
    parser.add_argument(
        "--v1", default="", metavar="CONTROLLERS", help="to mount as v1 hierarchies, such as memory,pids"
    )
    parser.add_argument("command", nargs="+")
    arguments = parser.parse_args()
    # Unwind on these as on an error, so that temporary files go and the machine is not left running.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    started_s = time.monotonic()
    try:
        disk = base.ready(arguments.suite)
        say(f"base disk ready after {time.monotonic() - started_s:.0f} s")
        with tempfile.TemporaryDirectory(prefix="farm-vm-") as scratch:
            image = work.make(
                scratch,
                shlex.join(arguments.command),
                python=base.PYTHON_OF_SUITE[arguments.suite],
                slowdown=2 if arguments.kvm else 15,
            )
            say(f"work disk ready after {time.monotonic() - started_s:.0f} s")
            status = machine.run(
                disk,
                image,
                scratch,
                v1=arguments.v1,
                memory_mib=arguments.memory,
                seconds=arguments.seconds,
                kvm=arguments.kvm,
            )
    except VmError as failure:
        say(str(failure))
        return 125
    say(f"exit status {status} after {time.monotonic() - started_s:.0f} s")
    return status


if __name__ == "__main__":
    if os.geteuid() != 0:
        sys.exit("needs root: the machine's disk is made of files with their owners")
    sys.exit(main())
