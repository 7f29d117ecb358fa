"""crun's side: ``xargs -P N crun run``, one process a container, as ``crun spec`` configures it.

crun does less here than the farm: no writable layer, no user namespace, no seccomp filter, no quotas, no log, no report.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time

from farm.errors import FarmError


def found() -> str:
    """crun's version, or empty where it is not installed."""
    if shutil.which("crun") is None:
        return ""
    told = subprocess.run(["crun", "--version"], capture_output=True, text=True, check=True)
    return told.stdout.splitlines()[0].removeprefix("crun version ")


def write_bundle(path: str, rootfs: str) -> None:
    """An OCI bundle that runs /bin/true on ``rootfs``."""
    os.mkdir(path)
    subprocess.run(["crun", "spec"], cwd=path, check=True)
    with open(f"{path}/config.json", encoding="utf-8") as file:
        config = json.load(file)
    config["process"] |= {"args": ["/bin/true"], "terminal": False}
    config["root"] = {"path": rootfs, "readonly": True}
    with open(f"{path}/config.json", "w", encoding="utf-8") as file:
        json.dump(config, file)


def run_jobs(bundle: str, count: int, parallel: int) -> float:
    """Seconds of ``count`` containers, ``parallel`` at once."""
    containers = "".join(f"bench-{os.getpid()}-{number}\n" for number in range(count))
    command = ["xargs", "-P", str(parallel), "-I", "{}", "crun", "run", "--bundle", bundle, "{}"]
    started_s = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "bench.crun_host", *command],
        input=containers,
        text=True,
        capture_output=True,
        check=False,
    )
    took_s = time.monotonic() - started_s
    if done.returncode or done.stderr:
        raise FarmError(f"crun ended with {done.returncode}", done.stderr.strip()[-500:])
    return took_s
