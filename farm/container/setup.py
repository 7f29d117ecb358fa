"""Performs a plan inside the new namespaces of one container."""

from __future__ import annotations

import fcntl
import os
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass

from farm.cgroup.base import Group
from farm.container import plan
from farm.errors import KernelError
from farm.kernel import capability, process, seccomp
from farm.kernel import mount as m

_SIOCSIFFLAGS = 0x8914
_IFF_UP_RUNNING = 0x1 | 0x40
_NETWORK_CAPABILITIES = capability.mask(("NET_ADMIN", "NET_RAW", "NET_BROADCAST"))
_MOUNT_CAPABILITY = capability.mask(("SYS_ADMIN",))


class SetupError(Exception):
    """A step of the plan that failed, with the kernel's reason as ``__cause__``."""

    def __init__(self, step: str) -> None:
        super().__init__(step)
        self.step = step


@dataclass(frozen=True, slots=True)
class Means:
    """What a plan needs besides itself; descriptors are borrowed.

    ``userns_fd`` is -1 without a user namespace; ``disk_fd`` is the scratch space's block device or -1;
    ``filters`` are compiled seccomp programs by id.
    """

    group: Group
    userns_fd: int
    disk_fd: int
    filters: dict[int, bytes]


def perform(operations: tuple[plan.Operation, ...], means: Means) -> None:
    """Carry out ``operations`` in order. Raises ``SetupError`` at the first that fails; the namespaces are then discarded."""
    operation: plan.Operation
    for operation in operations:
        try:
            _PERFORMERS[type(operation)](operation, means)
        except OSError as error:
            raise SetupError(operation.step) from error


def _mount(operation: plan.Mount, means: Means) -> None:
    m.mount(operation.source, operation.target, operation.fstype, operation.flags, operation.data)


def _mount_disk(operation: plan.MountDisk, means: Means) -> None:
    node = "/disk"  # a node of our own: the host's /dev is out of sight here, and this goes with the namespace
    m.mount("node", "/node", "tmpfs", m.MS_NOSUID | m.MS_NOEXEC, "mode=700")
    os.mknod(f"/node{node}", 0o60600, os.fstat(means.disk_fd).st_rdev)
    m.mount(f"/node{node}", operation.target, "ext4", m.MS_NODEV)
    m.umount2("/node", m.MNT_DETACH)
    os.rmdir(f"{operation.target}/lost+found")
    os.chown(operation.target, operation.owner, operation.owner)


def _bind(operation: plan.Bind, means: Means) -> None:
    m.mount(operation.source, operation.target, "", m.MS_BIND)
    if operation.read_only:
        m.mount_setattr(operation.target, m.MOUNT_ATTR_RDONLY)


def _bind_cgroups(operation: plan.BindCgroups, means: Means) -> None:
    for source, name in means.group.view_sources():
        target = f"{operation.target}/{name}"
        if not source.startswith("/"):
            os.symlink(source, target)
            continue
        os.mkdir(target)
        m.mount(source, target, "", m.MS_BIND)
    m.mount_setattr(operation.target, m.MOUNT_ATTR_RDONLY, recursive=True)


def _make_directory(operation: plan.MakeDirectory, means: Means) -> None:
    os.mkdir(operation.path, operation.mode)
    os.chown(operation.path, operation.owner, operation.owner)


def _write_file(operation: plan.WriteFile, means: Means) -> None:
    created = operation.owner >= 0
    flags = os.O_WRONLY | os.O_CLOEXEC | (os.O_CREAT | os.O_EXCL if created else 0)
    fd = os.open(operation.path, flags, operation.mode)
    try:
        os.write(fd, operation.text.encode())
        if created:
            os.fchown(fd, operation.owner, operation.owner)
    finally:
        os.close(fd)


def _make_devices(operation: plan.MakeDevices, means: Means) -> None:
    dev = os.open(operation.target, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for name, major, minor in plan.DEVICES:
            os.mknod(name, 0o20666, os.makedev(major, minor), dir_fd=dev)
            os.chown(name, operation.owner, operation.owner, dir_fd=dev)
        for name, target in plan.LINKS:
            os.symlink(target, name, dir_fd=dev)
        for name in ("pts", "shm", "mqueue"):
            os.mkdir(name, 0o755, dir_fd=dev)
    finally:
        os.close(dev)


def _raise_loopback(operation: plan.RaiseLoopback, means: Means) -> None:
    raise_loopback()


def raise_loopback() -> None:
    """Bring up ``lo`` in the current network namespace; needs CAP_NET_ADMIN over it (EPERM)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as control:
        fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", _IFF_UP_RUNNING))


def _set_hostname(operation: plan.SetHostname, means: Means) -> None:
    socket.sethostname(operation.name)


def _pivot_root(operation: plan.PivotRoot, means: Means) -> None:
    os.chdir(operation.new_root)
    m.pivot_root(".", ".")
    # The old root now lies on top of the new one at the same place; taking it off uncovers the new root.
    m.umount2(".", m.MNT_DETACH)
    os.chdir("/")
    if os.getcwd() != "/":  # a working directory outside the root would be a way out (CVE-2024-21626)
        raise KernelError("getcwd", 2, (os.getcwd(),), "the working directory is outside the container's root")


def _set_personality(operation: plan.SetPersonality, means: Means) -> None:
    process.personality(operation.domain)


def _drop_privileges(operation: plan.DropPrivileges, means: Means) -> None:
    if means.userns_fd >= 0:
        process.setns(means.userns_fd, process.CLONE_NEWUSER)
        _own_namespaces(operation.capabilities)
    process.become(0, 0)
    if operation.no_new_privs:
        process.prctl(process.PR_SET_NO_NEW_PRIVS, 1)
    if operation.filter_id:
        # Before the capabilities go: without no_new_privs, CAP_SYS_ADMIN is what allows taking a filter.
        seccomp.load_filter(means.filters[operation.filter_id])
    capability.keep_only(operation.capabilities)


def _own_namespaces(capabilities: int) -> None:
    """Capabilities count in namespaces that the user namespace owns; those above belong to the host.

    A container that was given the network or administration capabilities gets such namespaces of its own here. What was
    mounted before stays locked together, so masks cannot be taken off; see mount_namespaces(7).
    """
    if capabilities & _MOUNT_CAPABILITY:
        process.unshare(process.CLONE_NEWNS | process.CLONE_NEWUTS | process.CLONE_NEWIPC)
    if capabilities & (_NETWORK_CAPABILITIES | _MOUNT_CAPABILITY):
        process.unshare(process.CLONE_NEWNET)
        raise_loopback()


_PERFORMERS: dict[type, Callable[..., None]] = {
    plan.Mount: _mount,
    plan.MountDisk: _mount_disk,
    plan.Bind: _bind,
    plan.BindCgroups: _bind_cgroups,
    plan.MakeDirectory: _make_directory,
    plan.WriteFile: _write_file,
    plan.MakeDevices: _make_devices,
    plan.RaiseLoopback: _raise_loopback,
    plan.SetHostname: _set_hostname,
    plan.PivotRoot: _pivot_root,
    plan.SetPersonality: _set_personality,
    plan.DropPrivileges: _drop_privileges,
}
