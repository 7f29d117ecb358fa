"""What a container can see and do, asserted from inside it, on every real root filesystem."""

from __future__ import annotations

import asyncio
import hashlib
import os
import socket
import sys
from pathlib import Path

import psutil
import pytest

from farm.kernel import capability, proc
from farm.model.outcome import Outcome
from tests.kernel.engine.conftest import REFUSED, make_job
from tests.kernel.engine.live import launched, zygote, zygote_of

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
        REFUSED
        + """
        refused 'touch /sys/farm'
        refused 'echo 1 >/proc/sys/kernel/printk'
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


def test_B01_image_whose_system_folders_are_links(run, tmp_path):
    outside = tmp_path / "outside"
    top = tmp_path / "top"
    for each in (outside, top):
        each.mkdir()
    (top / "proc").symlink_to(outside)
    (top / "sys").symlink_to("../" * 20 + str(outside))
    (top / "dev").symlink_to("/etc")
    (top / "etc").symlink_to(f"../..{outside}")
    script = "test -r /proc/self/status; test -d /sys/kernel; test -c /dev/null; cat /etc/hostname; ls -ld /proc /etc"
    attempt, log = run(script, top=top)
    assert attempt.outcome is Outcome.PASSED, log
    assert b"->" not in log
    assert list(outside.iterdir()) == []


def test_B01_image_whose_system_folders_are_files(run, tmp_path):
    top = tmp_path / "top"
    top.mkdir()
    for name in ("proc", "sys", "dev", "etc"):
        (top / name).write_text("not a folder")
    attempt, log = run("test -r /proc/self/status; test -c /dev/null; cat /etc/hostname", top=top)
    assert attempt.outcome is Outcome.PASSED, log


def test_B02_B03_image_whose_identity_files_and_null_device_are_links(run, tmp_path):
    outside = tmp_path / "outside"
    top = tmp_path / "top"
    outside.write_text("untouched")
    for folder in (top / "etc", top / "dev"):
        folder.mkdir(parents=True)
    for name in ("etc/hosts", "etc/hostname", "etc/resolv.conf", "dev/null", "dev/stdout"):
        (top / name).symlink_to(outside)
    attempt, log = run(
        """
        echo gone >/dev/null; test -c /dev/null; for each in hosts hostname resolv.conf; do test ! -L /etc/$each; done
        for each in keys timer_list interrupts; do if grep . /proc/$each; then exit 1; fi; done
        echo written >/etc/hosts
        """,
        top=top,
    )
    assert attempt.outcome is Outcome.PASSED, log
    assert outside.read_text() == "untouched"
    assert (top / "etc/hosts").readlink() == outside


def test_B04_the_command_has_three_descriptors_and_no_way_out(run):
    attempt, log = run(
        "for fd in $(seq 0 1023); do if [ -e /proc/$$/fd/$fd ]; then echo $fd; fi; done; pwd; cd ..; pwd; ls -d ../../etc"
    )
    assert attempt.outcome is Outcome.PASSED
    assert log.split() == [b"0", b"1", b"2", b"/", b"/", b"../../etc"]


def test_B05_pid_1_is_closed(run):
    interpreter = Path(sys.executable).resolve()
    before = hashlib.sha256(interpreter.read_bytes()).digest()
    attempt, log = run(
        REFUSED
        + """
        for name in exe root cwd ns/mnt ns/user; do refused "ls -lL /proc/1/$name"; done
        for name in environ mem maps smaps auxv syscall stack pagemap io; do refused "cat /proc/1/$name"; done
        for name in fd task/1/fd map_files root/ cwd/; do refused "ls /proc/1/$name"; done
        for name in exe mem comm oom_score_adj clear_refs; do refused "echo ouch >/proc/1/$name"; done
        kill -KILL 1; kill -STOP 1; kill -TERM 1; kill -CHLD 1
        tr -d '\\0' </proc/1/cmdline
        """,
    )
    assert attempt.outcome is Outcome.PASSED, log
    assert log.endswith(b"farm-init")
    assert hashlib.sha256(interpreter.read_bytes()).digest() == before


def test_B07_release_agent_is_out_of_reach(run):
    attempt, log = run(
        REFUSED
        + """
        refused 'unshare -UrmC true'
        refused 'unshare -m true'
        refused 'mkdir /sys/fs/cgroup/mine || mkdir /sys/fs/cgroup/memory/mine'
        for each in $(find /sys/fs/cgroup -name release_agent -o -name cgroup.procs -o -name notify_on_release); do
            refused "echo 1 >$each"
        done
        """,
        "ubuntu-24.04",
    )
    assert attempt.outcome is Outcome.PASSED, log


@pytest.mark.parametrize("user", ["root", "nobody"])
def test_B10_mounts_cannot_be_changed(run, user):
    attempt, log = run(
        REFUSED
        + f"""
        as() {{ refused "$([ {user} = root ] && echo "$1" || echo "su -s /bin/sh nobody -c '$1'")"; }}
        as 'mount -t tmpfs none /mnt'
        as 'mount -t proc none /mnt'
        as 'mount -o bind /etc /mnt'
        as 'mount -o remount,rw /sys'
        as 'mount -o remount,rw,bind /proc/sys'
        as 'umount /proc/keys'
        as 'umount -l /proc/sys'
        as 'umount -l /sys/firmware'
        as 'echo 1 >/proc/sys/kernel/panic'
        as 'chroot /mnt true || unshare -r true'
        """
    )
    assert attempt.outcome is Outcome.PASSED, log


def test_B11_setuid_gives_nothing_but_where_it_was_asked_for(run):
    script = """
        cp /usr/bin/id /tmp/id; chmod 4755 /tmp/id
        setpriv --reuid 65534 --regid 65534 --clear-groups /tmp/id -u
        """
    attempt, log = run(script, "ubuntu-24.04")
    assert (attempt.outcome, log) == (Outcome.PASSED, b"65534\n")
    attempt, log = run(script, "ubuntu-24.04", no_new_privs=False)
    assert (attempt.outcome, log) == (Outcome.PASSED, b"0\n")


def test_B11_opt_outs_weaken_nothing_else(run):
    attempt, log = run(
        REFUSED
        + """
        while read -r key value; do case $key in
            NoNewPrivs:) test "$value" = 0 ;;
            Seccomp:) test "$value" = 2 ;;
            CapEff:|CapPrm:|CapBnd:) test "$value" = 00000000800425fb ;;
        esac; done </proc/self/status
        refused 'mount -t tmpfs none /mnt'
        ping -c 1 -W 1 127.0.0.1
        """,
        no_new_privs=False,
        cap_add=("NET_RAW",),
    )
    assert attempt.outcome is Outcome.PASSED, log


def test_B12_device_nodes_are_neither_made_nor_opened(run, tmp_path):
    top = tmp_path / "top"
    top.mkdir()
    os.mknod(top / "disk", 0o60666, os.makedev(7, 0))
    os.mknod(top / "memory", 0o20666, os.makedev(1, 1))
    attempt, log = run(
        REFUSED
        + """
        refused 'mknod /tmp/disk b 8 0'
        refused 'mknod /tmp/null c 1 3'
        refused 'mknod /dev/disk b 8 0'
        ls -l /disk /memory
        refused 'head -c 1 /disk'
        refused 'head -c 1 /memory'
        """,
        top=top,
    )
    assert attempt.outcome is Outcome.PASSED, log


def test_B13_other_processes_are_not_there(run_all):
    others = [make_job("sleep 2", id=f"sleep/{number}") for number in range(3)]
    looker = make_job(
        f"""
        ls -d /proc/[0-9]* | wc -l
        for pid in {os.getpid()} {os.getppid()}; do if kill -0 $pid 2>/dev/null; then echo "sees $pid"; exit 1; fi; done
        grep -c . /proc/net/unix || true
        kill -9 -1 || true; echo alive
        """,
        id="look/x",
    )
    done = run_all([*others, looker])
    assert {attempt.outcome for attempt, _ in done.values()} == {Outcome.PASSED}, done
    lines = done["look/x"][1].split()
    assert int(lines[0]) <= 4
    assert lines[1] == b"1"  # the header
    assert lines[-1] == b"alive"


def test_B15_a_mount_made_inside_stays_inside(unpacked):
    alpine = unpacked("alpine-3.20")
    script = "mount -t tmpfs farm-b15 /mnt && mount -o bind /mnt /opt && echo mounted; exec sleep 100"
    capabilities = capability.mask({*capability.DEFAULT, "SYS_ADMIN"})

    async def talk():
        async with zygote(alpine) as client, launched(client, alpine, script, capabilities=capabilities) as live:
            assert await live.line() == b"mounted\n"
            for pid in ("self", 1, zygote_of(psutil.Process()).pid):
                assert not [each for each in proc.mounts(pid) if each.source == "farm-b15"]

    asyncio.run(talk())


def test_B16_the_hosts_loopback_and_abstract_sockets_are_not_there(run):
    name = f"farm-b16-{os.getpid()}"
    with socket.create_server(("127.0.0.1", 0)) as tcp, socket.socket(socket.AF_UNIX) as unix:
        unix.bind(f"\0{name}")
        unix.listen()
        port = tcp.getsockname()[1]
        script = f"""
            use Socket;
            socket(T, AF_INET, SOCK_STREAM, 0) or die "socket $!";
            print connect(T, pack_sockaddr_in({port}, inet_aton("127.0.0.1"))) ? "open" : "$!", "\\n";
            socket(U, AF_UNIX, SOCK_STREAM, 0) or die "socket $!";
            print connect(U, pack_sockaddr_un("\\0{name}")) ? "open" : "$!", "\\n";
            socket(N, AF_INET, SOCK_DGRAM, 0) or die "socket $!";
            print connect(N, pack_sockaddr_in(53, inet_aton("192.0.2.1"))) ? "open" : "$!", "\\n";
            """
        attempt, log = run(script, "ubuntu-24.04", argv=("perl", "-e", script))
    assert (attempt.outcome, log.splitlines()) == (
        Outcome.PASSED,
        [b"Connection refused", b"Connection refused", b"Network is unreachable"],
    )


def test_B10_masks_stay_locked_even_for_an_administrator(run):
    attempt, log = run(
        REFUSED
        + """
        mount -t tmpfs none /mnt; umount /mnt
        never() { if sh -c "$1" 2>/dev/null; then echo "not refused: $1"; exit 1; fi; }
        never 'umount /proc/keys'; never 'umount -l /proc/keys'; never 'umount -l /sys/firmware'; never 'umount -l /proc/sys'
        never 'mount -o remount,rw /sys'; never 'mount -o remount,bind,rw /proc/sys'
        never 'mount -t proc none /mnt'; never 'mount -t sysfs none /mnt'; never 'mount -t cgroup -o memory none /mnt'
        never 'mount -t ext4 /dev/loop0 /mnt'; never 'mount --bind /proc /mnt && umount /mnt/keys'
        never 'mount --rbind /proc /mnt && umount -l /mnt/keys && cat /mnt/keys | grep .'
        [ -z "$(cat /proc/keys)" ]; [ -z "$(ls /sys/firmware)" ]
        refused 'touch /sys/farm'; refused 'echo 1 >/proc/sys/kernel/panic'; refused 'mknod /tmp/disk b 8 0'
        """,
        "ubuntu-24.04",
        cap_add=("SYS_ADMIN",),
    )
    assert attempt.outcome is Outcome.PASSED, log


def test_B08_cap_add_opens_what_docker_opens_and_nothing_of_the_hosts(run):
    attempt, log = run(
        REFUSED
        + """
        unshare -m true; unshare -n true; hostname renamed; [ "$(hostname)" = renamed ]
        refused 'date -s 2001-01-01'; refused 'dmesg -c'; refused 'chroot . mknod /tmp/x c 1 1'
        """,
        "ubuntu-24.04",
        cap_add=("SYS_ADMIN",),
    )
    assert attempt.outcome is Outcome.PASSED, log
    assert "renamed" not in os.uname().nodename
