"""Booting the machine: its first serial line is the kernel's console, the second the command's output, the third its status."""

from __future__ import annotations

import ctypes
import signal
import subprocess
import sys

from base import Base
from tools import VmError, say

_PR_SET_PDEATHSIG = 1


def run(base: Base, work: str, scratch: str, *, v1: str, memory_mib: int, seconds: int, kvm: bool) -> int:
    """Boot, stream what the command prints to our stdout, and return its status; 124 past ``seconds``.

    Raises ``VmError`` with the end of the console's log where the machine ended without a status.
    """
    console, status = f"{scratch}/console", f"{scratch}/status"
    prctl = ctypes.CDLL(None).prctl  # looked up here: the child of a fork should not load anything
    sys.stdout.flush()
    with subprocess.Popen(
        _command(base, work, console, status, v1=v1, memory_mib=memory_mib, kvm=kvm),
        stdin=subprocess.DEVNULL,
        # However we end, the machine ends with us.
        preexec_fn=lambda: prctl(_PR_SET_PDEATHSIG, signal.SIGKILL),
    ) as qemu:
        try:
            qemu.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            say(f"the machine was stopped at its limit of {seconds} s; the end of its console:\n{_tail(console)}")
            return 124
        finally:
            qemu.kill()
    answer = _tail(status).strip()
    if not answer.isdecimal():
        raise VmError(f"the machine ended without a status; the end of its console:\n{_tail(console)}")
    return int(answer)


def _command(
    base: Base, work: str, console: str, status: str, *, v1: str, memory_mib: int, kvm: bool
) -> tuple[str, ...]:
    return (
        "qemu-system-x86_64",
        *("-machine", "q35", "-cpu", "host" if kvm else "max", "-smp", "2", "-m", str(memory_mib)),
        *(("-accel", "kvm") if kvm else ("-accel", "tcg,thread=multi")),
        *("-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"),
        *("-serial", f"file:{console}", "-serial", "stdio", "-serial", f"file:{status}"),
        *("-kernel", base.kernel, "-initrd", base.initrd),
        *("-append", f"console=ttyS0 quiet panic=-1 root=/dev/vda rw init=/guest-init farm_v1={v1}"),
        *("-drive", f"file={base.root_image},if=virtio,format=raw,snapshot=on"),
        *("-drive", f"file={work},if=virtio,format=raw,cache=unsafe"),
    )


def _tail(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()[-3000:]
    except FileNotFoundError:
        return ""
