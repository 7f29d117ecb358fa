"""Running the tools of the host, and telling what goes on."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

_PACKAGES = {"qemu-system-x86_64": "qemu-system-x86", "mmdebstrap": "mmdebstrap", "mke2fs": "e2fsprogs"}


class VmError(Exception):
    """The machine could not be made; the message says why."""


def say(text: str) -> None:
    """A line of our own between those of the machine."""
    print(f"vm: {text}", file=sys.stderr, flush=True)


def call(*command: str, cwd: str | None = None) -> None:
    """Run a tool to its end; what it printed is shown only if it fails."""
    done = subprocess.run(
        command, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    if done.returncode:
        raise VmError(f"{command[0]} failed ({done.returncode}):\n{done.stdout.decode(errors='replace')[-4000:]}")


def install_missing() -> None:
    """Install the packages of the tools that are not there."""
    packages = [package for tool, package in _PACKAGES.items() if shutil.which(tool) is None]
    if not packages:
        return
    if shutil.which("apt-get") is None:
        raise VmError(f"needs {', '.join(packages)}, and there is no apt-get to install them with")
    say(f"installing {' '.join(packages)}")
    os.environ["DEBIAN_FRONTEND"] = "noninteractive"
    call("apt-get", "update", "-qq")
    call("apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages)
