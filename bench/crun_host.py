"""``python -m bench.crun_host COMMAND...``: run a command where crun agrees to work, and put everything back after.

On a host with cgroup v1 and v2 side by side crun refuses to run while v2 has a controller of its own ("cgroups in hybrid mode
not supported, drop all controllers from cgroupv2"). A controller belongs to v1 as long as it is mounted there, so the
ones that v2 has are, in a mount namespace that ends with the command.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile

from farm.kernel import mount, proc, process


def main() -> int:
    mounts = proc.mounts()
    v2 = next((each.mount_point for each in mounts if each.fstype == "cgroup2"), "")
    if not v2 or not any(each.fstype == "cgroup" for each in mounts):
        return subprocess.call(sys.argv[1:])
    with open(f"{v2}/cgroup.controllers", encoding="ascii") as file:
        controllers = file.read().split()
    process.unshare(process.CLONE_NEWNS)
    mount.mount("", "/", flags=mount.MS_REC | mount.MS_PRIVATE)
    with tempfile.TemporaryDirectory(prefix="farm-bench-") as folder:
        mounted = []
        try:
            for controller in controllers:
                os.mkdir(f"{folder}/{controller}")
                mount.mount("cgroup", f"{folder}/{controller}", "cgroup", data=controller)
                mounted.append(f"{folder}/{controller}")
            return subprocess.call(sys.argv[1:])
        finally:
            for path in mounted:
                mount.umount2(path)


if __name__ == "__main__":
    sys.exit(main())
