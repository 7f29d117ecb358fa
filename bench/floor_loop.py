"""One process of the floor: what the farm's zygote and PID 1 ask of the kernel for one life, in a loop, and nothing else.

    python -I -S -c '...; from bench.floor_loop import main; main()'

On standard input come marshalled, one after the other, what to get ready with and then one order a measurement; after each a
line of seconds goes out. Like the zygote it imports next to nothing, for its memory is copied for every life.
"""

from __future__ import annotations

import ctypes
import gc
import marshal
import os
import sys
import time

from farm.container import numbers, setup
from farm.kernel import process, seccomp, signals
from farm.launcher import birth, ground

TYPE_CHECKING = False  # typing's own would import typing, into memory that is copied for every container
if TYPE_CHECKING:
    from typing import NoReturn

_TRUE = "/bin/true"
_DATA_BYTES = 1 << 16  # what a program's words point to
_REST_S = 0.0005  # a group may be busy for some milliseconds after its last process


def main() -> None:
    """Get ready as the first message says, then live as often as each further one says."""
    for reserved in (*numbers.RESERVED, numbers.CONTROL, *numbers.STDIO):
        os.dup2(1, reserved, inheritable=False)
    ground.lift_limits()
    views, id_map, binds, bpf = marshal.load(sys.stdin.buffer)
    null = os.open("/dev/null", os.O_RDWR)  # what a life has as 0, 1 and 2: it prints nothing
    for reserved in numbers.STDIO:
        os.dup2(null, reserved, inheritable=False)
    userns_fds, reason = ground.prepare(views, id_map, binds)
    for fd, reserved in zip(userns_fds, numbers.USER_NAMESPACES, strict=False):
        os.dup2(fd, reserved, inheritable=False)
    setup.rehearse()
    filters = {1: seccomp.Filter(bpf)}
    buffer = ctypes.create_string_buffer(_DATA_BYTES)
    print(reason, ctypes.addressof(buffer), sep="\0", flush=True)
    gc.collect()
    gc.freeze()
    while True:
        try:
            count, data, *order = marshal.load(sys.stdin.buffer)
        except EOFError:
            return
        buffer[: len(data)] = data
        print(*_lives(filters, count, *order), flush=True)


def _lives(
    filters: dict[int, seccomp.Filter],
    count: int,
    program: tuple[bytes, tuple[int | tuple[str, str, tuple[object, ...]], ...]],
    groups: tuple[str, ...],
    counters: tuple[str, ...],
    into: str,
    init: bool,
) -> list[float]:
    """Seconds of each of ``count`` lives.

    ``groups`` are made before and removed after each, ``counters`` read after it; ``into`` is the cgroup v2 group that it is
    born in, empty for none. With ``init`` the command is a child of PID 1, as the farm has it, else PID 1 itself.
    """
    took_s = []
    for _ in range(count):
        started_s = time.perf_counter()
        for path in groups:
            os.mkdir(path)
        cgroup_fd = os.open(into, os.O_RDONLY | os.O_DIRECTORY) if into else -1
        pid, pidfd = process.clone3(
            birth.NAMESPACES | process.CLONE_NEWNET, exit_signal=signals.SIGCHLD, cgroup_fd=cgroup_fd
        )
        if pid == 0:
            _live(filters, program, init)
        status = os.waitpid(pid, 0)[1]
        os.close(pidfd)
        for path in counters:
            _read(path)
        if into:
            os.close(cgroup_fd)
        for path in groups:
            _remove(path)
        took_s.append(time.perf_counter() - started_s)
        if status:
            raise SystemExit(f"a life of the floor ended with wait status {status}")
    return took_s


def _live(
    filters: dict[int, seccomp.Filter],
    program: tuple[bytes, tuple[int | tuple[str, str, tuple[object, ...]], ...]],
    init: bool,
) -> NoReturn:
    code = 1
    try:
        gc.disable()
        words, parts = program
        setup.Setup(filters).perform(parts, memoryview(words))
        for target, fd in enumerate(numbers.STDIO):
            os.dup2(fd, target)
        process.close_all_but((0, 1, 2))
        if not init:
            os.execve(_TRUE, (_TRUE,), {})
        pid = os.posix_spawn(_TRUE, (_TRUE,), {})
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    except BaseException as error:  # noqa: BLE001  # after a fork nothing may reach the parent's code
        os.write(2, f"floor: {error!r} {error.__cause__ or ''}\n".encode())
    finally:
        os._exit(code)


def _read(path: str) -> None:
    fd = os.open(path, os.O_RDONLY)
    os.read(fd, 4096)
    os.close(fd)


def _remove(path: str) -> None:
    while True:
        try:
            os.rmdir(path)
            return
        except OSError:  # busy
            time.sleep(_REST_S)
