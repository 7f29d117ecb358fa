"""From clone3 to PID 1: what happens in the child between the zygote and the container's first command."""

from __future__ import annotations

import gc
import marshal
import os

from farm.container.init import Init
from farm.container.setup import OOM_FD, Setup, SetupError, StuckError
from farm.kernel import process, sockets

NAMESPACES = process.CLONE_NEWNS | process.CLONE_NEWPID | process.CLONE_NEWIPC | process.CLONE_NEWUTS
"""What every container has of its own; CLONE_NEWNET besides, but where it asked for the host's network."""


def live(
    order: tuple[memoryview, memoryview],
    descriptors: tuple[int, ...],
    userns_fds: tuple[int, ...],
    filters: dict[int, bytes],
    title_area: tuple[int, int],
) -> None:
    """The whole life of the child, as ``wire`` describes it. Never returns, never raises.

    ``order`` is words, and what is marshalled. ``descriptors`` are the control socket, then 0, 1 and 2 of the command, then
    the scratch space's disk if there is one, then detached mounts, then the network namespace that it joins.
    """
    code = 1
    try:
        gc.disable()
        control, *rest = descriptors
        pid1 = Init(sockets.Socket(fileno=control))
        try:
            words, marshalled = order
            parts, command, hold, freeze = marshal.loads(marshalled)
            setup = Setup(userns_fds, tuple(rest[3:]), filters)
            setup.perform(parts, words)
            process.set_title(title_area, "farm-init")  # what /proc/1/cmdline shows
            pid1.settle(OOM_FD, setup.listener_fd, tuple(rest[:3]))
            argv, environment, directory, terminal, identity, keep_root, direct = command
            root = pid1.open_root() if keep_root else ()
            if hold is None:
                pid1.become(argv, environment, directory, identity, rest[:3], direct, root)
            pid1.spawn(0, argv, environment, directory, terminal, identity, rest[:3], direct, root)
        except StuckError as error:
            pid1.say_stuck(error.position, error.number)
        except SetupError as error:
            pid1.say_failed(0, error.step, error.__cause__ or error)
        except BaseException as error:  # noqa: BLE001  # after a fork nothing may reach the parent's code
            pid1.say_failed(0, "start container", error)
        else:
            pid1.loop(hold=hold, freeze=freeze)
            code = 0
    finally:
        os._exit(code)
