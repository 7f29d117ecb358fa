"""B08, B09: which system calls a container cannot make, whatever table of the processor it makes them through."""

from __future__ import annotations

import errno
import platform

import pytest

from farm.kernel import trial
from farm.model.outcome import Outcome
from tests.kernel.engine import machine_code as code

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="needs an x86-64 processor")

NEW_USER = 0x10000000
SIGCHLD = 17
AF_INET, AF_ALG, AF_VSOCK, AF_LATER = 2, 38, 40, 46
STREAM, RAW, SEQPACKET, CLOEXEC = 1, 3, 5, 0o2000000

CALLS_64 = {
    "alg": (41, AF_ALG, SEQPACKET),
    "vsock": (41, AF_VSOCK, STREAM),
    "family-of-the-future": (41, AF_LATER, STREAM),
    "io_uring_setup": (425,),
    "io_uring_enter": (426,),
    "userfaultfd": (323,),
    "bpf": (321,),
    "keyctl": (250,),
    "add_key": (248,),
    "request_key": (249,),
    "perf_event_open": (298,),
    "kexec_load": (246,),
    "kexec_file_load": (320,),
    "init_module": (175,),
    "finit_module": (313,),
    "delete_module": (176,),
    "unshare-user": (272, NEW_USER),
    "clone-user": (56, NEW_USER | SIGCHLD),
    "setns": (308, 0),
    "mount": (165,),
    "umount2": (166,),
    "pivot_root": (155,),
    "open_tree": (428,),
    "move_mount": (429,),
    "fsopen": (430,),
    "mount_setattr": (442,),
    "open_by_handle_at": (304,),
    "reboot": (169,),
    "swapon": (167,),
    "settimeofday": (164,),
    "sethostname": (170,),
    "iopl": (172, 3),
    "acct": (163,),
    "quotactl": (179,),
    "syslog": (103, 3),
    "kcmp": (312,),
    "mbind": (237,),
}
CALLS_32 = {
    "alg": (359, AF_ALG, SEQPACKET),
    "vsock": (359, AF_VSOCK, STREAM),
    "family-of-the-future": (359, AF_LATER, STREAM),
    "io_uring_setup": (425,),
    "userfaultfd": (374,),
    "bpf": (357,),
    "keyctl": (288,),
    "add_key": (286,),
    "request_key": (287,),
    "perf_event_open": (336,),
    "kexec_load": (283,),
    "init_module": (128,),
    "finit_module": (350,),
    "unshare-user": (310, NEW_USER),
    "clone-user": (120, NEW_USER | SIGCHLD),
    "setns": (346, 0),
    "mount": (21,),
    "umount2": (52,),
    "pivot_root": (217,),
    "fsopen": (430,),
    "open_by_handle_at": (342,),
    "reboot": (88,),
    "stime": (25,),
    "vm86": (166,),
    "iopl": (110, 3),
    "syslog": (103, 3),
}
UNKNOWN = {"clone3": (435,), "never-heard-of": (999,)}


def answers(run, programs, distro="alpine-3.20"):
    attempt, log = run(code.script(programs), distro)
    assert attempt.outcome is Outcome.PASSED, log
    return {name: int(number) for name, number in (line.split() for line in log.decode().splitlines())}


def expected(calls):
    return dict.fromkeys(calls, errno.EPERM) | dict.fromkeys(UNKNOWN, errno.ENOSYS)


def need_i386():
    if failure := trial.run_i386():
        pytest.skip(f"needs a kernel that runs i386 programs: {failure}")


def test_the_programs_tell_success_from_failure(run):
    programs = {"getpid": code.x86_64(39), "close": code.x86_64(3, 99), "inet": code.x86_64(41, AF_INET, STREAM)}
    assert answers(run, programs) == {"getpid": 0, "close": errno.EBADF, "inet": 0}


def test_B08_closed_calls_of_x86_64(run):
    calls = CALLS_64 | UNKNOWN
    assert answers(run, {name: code.x86_64(*call) for name, call in calls.items()}) == expected(CALLS_64)


def test_B09_closed_calls_through_x32(run):
    calls = CALLS_64 | UNKNOWN | {"kexec_load": (528,)}  # one of the few with a number of its own there
    programs = {name: code.x86_64(call[0] | code.X32_BIT, *call[1:]) for name, call in calls.items()}
    assert answers(run, programs) == expected(CALLS_64)


def test_B09_closed_calls_through_i386(run):
    need_i386()
    calls = CALLS_32 | UNKNOWN
    assert answers(run, {name: code.i386(*call) for name, call in calls.items()}) == expected(CALLS_32)


def test_B09_closed_calls_on_an_i386_image(run):
    need_i386()
    calls = CALLS_32 | UNKNOWN
    programs = {name: code.i386(*call) for name, call in calls.items()}
    assert answers(run, programs, "ubuntu-14.04") == expected(CALLS_32)


AS_NOBODY = (
    "perl -e '$) = qq(65534 65534); $( = 65534; $< = $> = 65534; exec @ARGV'"  # the image's su lacks its PAM files
)
SOCKETCALLS = {
    "inet": ((AF_INET, STREAM, 0), 0),
    "inet-close-on-exec": ((AF_INET, STREAM | CLOEXEC, 0), 0),
    "alg": ((AF_ALG, SEQPACKET, 0), errno.EPERM),
    "vsock": ((AF_VSOCK, STREAM, 0), errno.EPERM),
    "family-of-the-future": ((AF_LATER, STREAM, 0), errno.EPERM),
    "raw": ((AF_INET, RAW, 1), errno.EPERM),
    "no-such-type": ((AF_INET, 77, 0), errno.EINVAL),
}


@pytest.mark.parametrize("distro", ["alpine-3.20", "ubuntu-14.04"])
def test_B09_socketcall_opens_no_family_that_socket_does_not(run, distro):
    need_i386()
    programs = {name: code.i386(102, 1, memory=words) for name, (words, _) in SOCKETCALLS.items()}
    programs["words-that-are-not-there"] = code.i386(102, 1, 16)
    wanted = {name: number for name, (_, number) in SOCKETCALLS.items()}
    assert answers(run, programs, distro) == wanted | {"words-that-are-not-there": errno.EFAULT}


def test_B09_socketcall_gives_nobody_what_only_root_has(run):
    need_i386()
    script = code.script({"raw": code.i386(102, 1, memory=(AF_INET, RAW, 1))})
    assert run(script, "ubuntu-14.04", cap_add=("NET_RAW",))[1] == b"raw 0\n"
    as_nobody = f"cat >/tmp/as-nobody <<'END'\n{script}\nEND\n{AS_NOBODY} sh /tmp/as-nobody"
    attempt, log = run(as_nobody, "ubuntu-14.04", cap_add=("NET_RAW",))
    assert (attempt.outcome, log) == (Outcome.PASSED, f"raw {errno.EPERM}\n".encode()), log


@pytest.mark.slow_in_vm
def test_32_bit_programs_talk_over_sockets(run):
    """perl of 2014: server and client, three hundred connections, each end with sockets of its own, as nobody too."""
    need_i386()
    program = """
        socket(S, 2, 1, 0) or die "server: $!"; listen(S, 9) or die $!; $name = getsockname(S);
        if (!fork) { for (1..300) { socket(C, 2, 1, 0) or die "client: $!"; connect(C, $name) or die $!;
            syswrite C, "x"; close C } exit 0 }
        for (1..300) { accept(A, S) or die $!; sysread(A, $b, 9) == 1 or die "read"; close A } print "talked\\n"; wait; exit $?
    """
    line = " ".join(program.split())
    script = f"printf '%s' '{line}' >/tmp/p; perl /tmp/p; chmod 644 /tmp/p; {AS_NOBODY} perl /tmp/p"
    attempt, log = run(script, "ubuntu-14.04")
    assert (attempt.outcome, log) == (Outcome.PASSED, b"talked\ntalked\n"), log


@pytest.mark.slow_in_vm
def test_32_bit_image_says_so(run):
    need_i386()
    assert run("uname -m", "ubuntu-14.04")[1] == b"i686\n"
    assert run("uname -m", "ubuntu-12.04")[1] == b"x86_64\n"
