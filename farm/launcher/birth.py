"""From clone3 to PID 1: what happens in the child between the zygote and the container's first command."""

from __future__ import annotations

import gc
import marshal
import os

from farm.container.init import Init
from farm.container.setup import Setup, SetupError
from farm.kernel import process, signals, sockets

NAMESPACES = process.CLONE_NEWNS | process.CLONE_NEWPID | process.CLONE_NEWIPC | process.CLONE_NEWUTS
"""What every container has of its own; CLONE_NEWNET besides, but where it asked for the host's network."""


def live(
    order: memoryview,
    descriptors: tuple[int, ...],
    userns_fds: tuple[int, ...],
    filters: dict[int, bytes],
    title_area: tuple[int, int],
) -> None:
    """The whole life of the child, as ``wire`` describes it. Never returns, never raises.

    ``descriptors`` are the control socket, then 0, 1 and 2 of the command, then the scratch space's disk if there is one,
    then detached mounts, then the network namespace that it joins.
    """
    code = 1
    try:
        gc.disable()
        process.prctl(process.PR_SET_PDEATHSIG, signals.SIGKILL)
        os.umask(0)
        control, *rest = descriptors
        pid1 = Init(sockets.Socket(fileno=control))
        try:
            program, command, hold, freeze = marshal.loads(order)
            setup = Setup(userns_fds, tuple(rest[3:]), filters, tuple(rest[:3]))
            setup.perform(program)
            _settle(pid1, setup, rest[:3], title_area)
            argv, environment, directory, terminal, identity, keep_root, direct = command
            root = pid1.open_root() if keep_root else ()
            if hold is None:
                pid1.become(argv, environment, directory, identity, rest[:3], direct, root)
            pid1.spawn(0, argv, environment, directory, terminal, identity, rest[:3], direct, root)
        except SetupError as error:
            pid1.say_failed(0, error.step, error.__cause__ or error)
        except BaseException as error:  # noqa: BLE001  # after a fork nothing may reach the parent's code
            pid1.say_failed(0, "start container", error)
        else:
            pid1.loop(hold=hold, freeze=freeze)
            code = 0
    finally:
        os._exit(code)


def _settle(pid1: Init, setup: Setup, stdio: list[int], title_area: tuple[int, int]) -> None:
    """The last of the zygote goes."""
    # Changing identity cleared the parent-death signal, and what the process was before must not show in /proc/1.
    process.prctl(process.PR_SET_PDEATHSIG, signals.SIGKILL)
    process.prctl(process.PR_SET_DUMPABLE, 0)
    process.set_name("farm-init")
    process.set_title(title_area, "farm-init")
    pid1.settle(setup.oom_fd, setup.listener_fd, tuple(stdio))
