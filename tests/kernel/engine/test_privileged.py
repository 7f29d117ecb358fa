"""``privileged``: everything in namespaces of the container's own, nothing of the host's."""

from __future__ import annotations

import asyncio
import os

import pytest

from farm.engine.local import LocalEngine
from farm.model.mount import Mount, MountMode
from farm.model.outcome import Outcome
from tests.kernel.engine.conftest import REFUSED, make_job, run_jobs

IMAGES = ["alpine-3.20", "ubuntu-12.04", "centos-7"]


@pytest.mark.parametrize("distro", IMAGES)
def test_it_has_every_capability_and_no_filter(run, distro):
    attempt, log = run(
        """
        while read -r key value; do case $key in
            NoNewPrivs:|Seccomp:) test "$value" = 0 ;;
            CapEff:|CapPrm:|CapBnd:) case $value in 000001ffffffffff) ;; *) echo "$key $value"; exit 1 ;; esac ;;
        esac; done </proc/self/status
        ! grep -E ' /proc/[a-z]' /proc/self/mounts
        hostname other; test "$(hostname)" = other
        mount -t tmpfs none /mnt; mount --bind /usr /mnt; umount /mnt; umount /mnt
        """,
        distro,
        privileged=True,
    )
    assert attempt.outcome is Outcome.PASSED, (attempt.reason, log)


def test_settings_of_its_own_network_can_be_written(run):
    attempt, log = run(
        """
        echo 1 > /proc/sys/net/ipv4/ip_forward; cat /proc/sys/net/ipv4/ip_forward
        ip addr add 127.0.0.2/8 dev lo
        """,
        privileged=True,
    )
    assert attempt.outcome is Outcome.PASSED, (attempt.reason, log)
    assert log.splitlines()[0] == b"1"


def test_it_can_make_namespaces_with_a_proc_of_their_own(run):
    script = "unshare -m -p -f sh -c 'mount -t proc proc /proc && ls -d /proc/[0-9]* | wc -l'"
    attempt, log = run(script, privileged=True)
    assert attempt.outcome is Outcome.PASSED, (attempt.reason, log)
    assert int(log) <= 4


def test_B12_B10_nothing_of_the_host_is_opened_by_it(run, tmp_path):
    (tmp_path / "data").mkdir()
    attempt, log = run(
        REFUSED
        + """
        refused 'echo 1 >/proc/sys/kernel/printk'
        test ! -e /proc/sysrq-trigger || refused 'echo h >/proc/sysrq-trigger'
        refused 'mknod /tmp/disk b 254 0'
        test ! -e /proc/kcore || refused 'head -c 1 /proc/kcore'
        refused 'mount -o remount,rw /data'
        refused 'mount -o remount,bind,rw /data'
        refused 'touch /data/x'
        if umount /data 2>/dev/null; then exit 1; fi
        refused 'mount -o remount,rw /sys'
        date -s 2001-01-01 2>&1 | grep -q 'not permitted'
        refused 'reboot -f'
        """,
        privileged=True,
        mounts=(Mount(str(tmp_path / "data"), "/data", MountMode.RO),),
    )
    assert attempt.outcome is Outcome.PASSED, (attempt.reason, log)
    assert os.listdir(tmp_path / "data") == []


def test_B07_its_quota_is_out_of_its_reach(run):
    attempt, log = run(
        """
        for file in $(find /sys/fs/cgroup/ -name pids.max -o -name memory.max -o -name memory.limit_in_bytes); do
            if (echo 1000 > $file) 2>/dev/null; then echo "written: $file"; exit 1; fi
        done
        mkdir /tmp/cg; unshare -C -m sh -c '
            if mount -t cgroup2 none /tmp/cg || mount -t cgroup -o pids none /tmp/cg; then
                for file in $(find /tmp/cg -name pids.max -o -name memory.max -o -name release_agent); do
                    if (echo 1000 > $file) 2>/dev/null; then echo "written: $file"; exit 1; fi
                done
            fi
            exit 0'
        """,
        "ubuntu-24.04",
        privileged=True,
    )
    assert attempt.outcome is Outcome.PASSED, (attempt.reason, log)


def test_without_a_user_namespace_it_is_refused(unpacked, tmp_path):
    rootfs = unpacked("alpine-3.20")
    engine = LocalEngine(f"test-{os.getpid()}", str(tmp_path), (rootfs,), None)
    (attempt,) = asyncio.run(run_jobs(engine, rootfs, [make_job("true", privileged=True)]))
    assert attempt.outcome is Outcome.ERROR
    assert "privileged would hold on the host itself" in attempt.reason
