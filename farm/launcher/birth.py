"""From clone3 to PID 1: what happens in the child between the zygote and the container's first command."""

from __future__ import annotations

import gc
import marshal
import os

from farm.container import numbers
from farm.container.init import Init
from farm.container.setup import Setup, SetupError, StuckError
from farm.kernel import process
from farm.kernel.seccomp import Filter

NAMESPACES = process.CLONE_NEWNS | process.CLONE_NEWPID | process.CLONE_NEWIPC | process.CLONE_NEWUTS
"""What every container has of its own; CLONE_NEWNET besides, but where it asked for the host's network."""


def live(
    order: tuple[memoryview, memoryview],
    filters: dict[int, Filter],
    title_area: tuple[int, int],
) -> None:
    """The whole life of the child, as ``wire`` describes it. Never returns, never raises.

    ``order`` is words, and what is marshalled. What came with it has the descriptors of ``numbers``.
    """
    code = 1
    try:
        gc.disable()
        pid1 = Init()
        try:
            words, marshalled = order
            parts, command, hold, freeze = marshal.loads(marshalled)
            setup = Setup(filters)
            setup.perform(parts, words)
            process.set_title(title_area, "farm-init")  # what /proc/1/cmdline shows
            pid1 = Init(setup.listener_fd)
            argv, environment, directory, terminal, identity, keep_root, direct = command
            root = pid1.open_root() if keep_root else ()
            if hold is None:
                pid1.become(argv, environment, directory, identity, direct, root)
            pid1.spawn(0, argv, environment, directory, terminal, identity, numbers.STDIO, direct, root)
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
