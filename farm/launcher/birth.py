"""From clone3 to PID 1: what happens in the child between the zygote and the container's first command."""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
from dataclasses import dataclass, replace

from farm.cgroup.base import Group
from farm.container import init, plan, setup
from farm.container.spec import ContainerSpec
from farm.kernel import process
from farm.launcher.ground import Ground

NAMESPACES = (
    process.CLONE_NEWNS | process.CLONE_NEWPID | process.CLONE_NEWIPC | process.CLONE_NEWUTS | process.CLONE_NEWNET
)


@dataclass(frozen=True, slots=True)
class Child:
    """A container as the zygote knows it. Owns ``pidfd`` and ``control``; ``group`` is lent by the manager."""

    container_id: int
    pid: int
    pidfd: int
    control: socket.socket
    group: Group


def give_birth(
    container_id: int,
    spec: ContainerSpec,
    ground: Ground,
    group: Group,
    filters: dict[int, bytes],
    descriptors: tuple[int, ...],
) -> Child:
    """Make the container ``spec``; in the child this never returns. ``descriptors`` stay the caller's."""
    spec = replace(spec, overlays=ground.translated(spec.overlays))
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
    try:
        pid, pidfd = process.clone3(NAMESPACES, exit_signal=signal.SIGCHLD, cgroup_fd=group.v2_fd)
        if pid == 0:
            _live(spec, ground, group, filters, descriptors, theirs)
    except OSError:
        ours.close()
        raise
    finally:
        theirs.close()
    return Child(container_id, pid, pidfd, ours, group)


def _live(
    spec: ContainerSpec,
    ground: Ground,
    group: Group,
    filters: dict[int, bytes],
    descriptors: tuple[int, ...],
    control: socket.socket,
) -> None:
    """The whole life of the child. Never returns, never raises."""
    code = 1
    try:
        gc.disable()
        _become_init(spec, ground, group, filters, descriptors, control)
        code = 0
    except setup.SetupError as error:
        cause = error.__cause__
        _tell(control, init.failure(error.step, cause if isinstance(cause, OSError) else OSError(0, str(cause))))
    except OSError as error:
        _tell(control, init.failure("start container", error))
    except BaseException as error:  # noqa: BLE001  # after a fork nothing may reach the parent's code
        _tell(control, init.failure("start container", OSError(0, f"{type(error).__name__}: {error}")))
    finally:
        os._exit(code)


def _become_init(
    spec: ContainerSpec,
    ground: Ground,
    group: Group,
    filters: dict[int, bytes],
    descriptors: tuple[int, ...],
    control: socket.socket,
) -> None:
    process.prctl(process.PR_SET_PDEATHSIG, signal.SIGKILL)
    os.umask(0)
    _join(group)
    disk_fd = descriptors[3] if spec.on_disk else -1
    means = setup.Means(group, ground.userns_fd, disk_fd, filters)
    operations = plan.plan(spec, ground.host)
    setup.perform(operations[:-1], means)
    oom_fd = os.open("/proc/self/oom_score_adj", os.O_WRONLY | os.O_CLOEXEC)
    stdio = descriptors[:3]
    for fd in stdio[1:]:
        _open_to_container(fd, ground.host.id_base)
    setup.perform(operations[-1:], means)
    # Changing identity cleared the parent-death signal, and what the process was before must not show in /proc/1.
    process.prctl(process.PR_SET_PDEATHSIG, signal.SIGKILL)
    process.prctl(process.PR_SET_DUMPABLE, 0)
    process.set_name("farm-init")
    process.set_title("farm-init")
    process.close_all_but((control.fileno(), oom_fd, *stdio))
    os.umask(0o022)
    pid1 = init.Init(control, oom_fd, hold=spec.hold)
    pid1.spawn(
        0,
        list(spec.argv),
        dict(spec.environment),
        spec.working_directory,
        stdio,
        terminal=spec.terminal,
    )
    pid1.loop()


def _join(group: Group) -> None:
    """Enter the control group, then a cgroup namespace rooted there: in that order, or the root would be the zygote's."""
    try:
        group.join()
        process.unshare(process.CLONE_NEWCGROUP)
    except OSError as error:
        raise setup.SetupError("enter cgroup") from error


def _open_to_container(fd: int, owner: int) -> None:
    """Let the container's users open /dev/stdout: a pipe has an inode with an owner like any file."""
    try:
        os.fchown(fd, owner, owner)
        os.fchmod(fd, 0o666)
    except OSError:
        pass  # not a pipe of ours (a terminal, /dev/null): then its own permissions stand


def _tell(control: socket.socket, message: dict[str, object]) -> None:
    try:
        control.send(json.dumps({**message, "number": 0}).encode())
    except OSError:
        pass  # the zygote is gone, and this process with it
