"""What a container can see and do, asserted from inside it, on every real root filesystem."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import pytest

from farm.model.outcome import Outcome

DISTROS = (
    "alpine-3.10",
    "alpine-3.20",
    "busybox-musl",
    "centos-7",
    "opensuse-tumbleweed",
    "ubuntu-12.04",
    "ubuntu-14.04",
    "ubuntu-24.04",
)


@pytest.mark.parametrize("distro", DISTROS)
def test_every_distro_runs(run, distro):
    attempt, log = run("echo to-stdout >/dev/stdout; cat /etc/hostname; echo piped | cat; uname -s", distro)
    assert attempt.outcome is Outcome.PASSED, log
    assert log.splitlines()[0] == b"to-stdout"
    assert log.splitlines()[-2:] == [b"piped", b"Linux"]


@pytest.mark.parametrize("distro", DISTROS)
def test_system_is_read_only_and_only_loopback_is_there(run, distro):
    attempt, log = run(
        """
        ! touch /sys/farm 2>/dev/null
        ! sh -c 'echo 1 >/proc/sys/kernel/printk' 2>/dev/null
        while read -r name rest; do
            case $name in lo:*|Inter*|face*) ;; *:*) echo "interface $name"; exit 1 ;; esac
        done </proc/net/dev
        while read -r key value; do case $key in
            NoNewPrivs:) test "$value" = 1 ;;
            Seccomp:) test "$value" = 2 ;;
            CapEff:|CapPrm:|CapBnd:) test "$value" = 00000000800405fb ;;
            CapInh:|CapAmb:) test "$value" = 0000000000000000 ;;
        esac; done </proc/self/status
        """,
        distro,
    )
    assert attempt.outcome is Outcome.PASSED, log


def test_B04_the_command_has_three_descriptors(run):
    attempt, log = run("for fd in $(seq 0 63); do if [ -e /proc/$$/fd/$fd ]; then echo $fd; fi; done")
    assert attempt.outcome is Outcome.PASSED
    assert log.split() == [b"0", b"1", b"2"]


def test_B05_pid_1_is_closed(run):
    interpreter = Path(sys.executable).resolve()
    before = hashlib.sha256(interpreter.read_bytes()).digest()
    attempt, log = run(
        """
        for name in exe root cwd ns/mnt ns/user; do ! readlink /proc/1/$name; done
        for name in environ mem maps smaps auxv syscall stack pagemap io; do ! cat /proc/1/$name; done
        for name in fd task/1/fd map_files root/ cwd/; do ! ls /proc/1/$name; done
        for name in exe mem comm oom_score_adj clear_refs; do ! sh -c "echo ouch >/proc/1/$name"; done
        kill -KILL 1; kill -STOP 1; kill -TERM 1; kill -CHLD 1
        tr -d '\\0' </proc/1/cmdline
        """
    )
    assert attempt.outcome is Outcome.PASSED, log
    assert log.endswith(b"farm-init")
    assert hashlib.sha256(interpreter.read_bytes()).digest() == before


def test_B10_mounts_cannot_be_changed(run):
    attempt, log = run(
        """
        ! mount -t tmpfs none /mnt
        ! mount -o remount,rw /sys
        ! umount /proc/keys
        ! unshare -Ur true
        ! mknod /tmp/disk b 8 0
        """
    )
    assert attempt.outcome is Outcome.PASSED, log


def test_B13_only_the_containers_own_processes_are_seen(run):
    attempt, log = run("ls -d /proc/[0-9]* | wc -l; kill -9 -1; echo alive")
    assert attempt.outcome is Outcome.FAILED or b"alive" in log
    assert int(log.split()[0]) <= 4
