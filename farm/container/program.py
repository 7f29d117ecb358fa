"""A plan lowered to the calls that carry it out: what is sent to the child, and all that runs in it.

Everything is decided, encoded and put in order here, in the process that asks for the container, and the child only makes
calls. A program is a tuple of ``(step, call, arguments)``: ``call`` is a system call under the kernel's own name or, for
what has to look before it acts, a method of ``setup.Setup``; ``step`` is what an error says.
"""

from __future__ import annotations

import os
from dataclasses import fields
from functools import lru_cache
from operator import attrgetter

from farm.cgroup.base import Group
from farm.container import numbers, operations, plan, sequences
from farm.container.sequences import Bare
from farm.container.socketcall import READS_MEMORY
from farm.container.spec import ContainerSpec, Host, MountPoint
from farm.container.words import Piece, Program, piece
from farm.kernel import capability, process, signals
from farm.kernel.libc import AT_FDCWD
from farm.kernel.mount import MOUNT_ATTR_RDONLY, MS_BIND, MS_NODEV
from farm.model.mount import MountMode

_NETWORK_CAPABILITIES = capability.mask(("NET_ADMIN", "NET_RAW", "NET_BROADCAST"))
_MOUNT_CAPABILITY = capability.mask(("SYS_ADMIN",))
_USUAL = capability.mask(capability.DEFAULT)
_OWN = frozenset(
    "argv direct identity environment hostname hosts working_directory hold freeze keep_root init terminal".split()
)
"""What of a spec is not in its program, but goes with it, or is lowered for itself."""
_SHARED = attrgetter(*(each.name for each in fields(ContainerSpec) if each.name not in _OWN))
_PLAIN, _TRUSTED = 0, 1  # user namespaces: one for all, and one for those with more capabilities, see ``ground``


def program(spec: ContainerSpec, host: Host, group: Group) -> tuple[Piece, ...]:
    """The program of a container as ``spec`` wants it, in ``group``.

    It is ``lower(plan.plan(spec, host), ...)`` between ``enter`` and ``SETTLED``, but what containers have in common is
    lowered once: most of it for thousands of them, what they are called for those of one test, and what is about the group
    for those that use it in turn.
    """
    first, middle, last = _common(_Common(spec), host)
    return (
        _entered(group.task_files(), host.id_base),
        first,
        _named(spec.hostname, spec.hosts, host),
        middle,
        *(() if host.cgroup2 else (_cgroups_shown(plan.CGROUP, group.view_sources()),)),
        last,
    )


class _Common:
    """A spec, equal to all that differ in nothing but ``_OWN``."""

    __slots__ = ("_hash", "_key", "spec")

    def __init__(self, spec: ContainerSpec) -> None:
        self.spec = spec
        self._key = _SHARED(spec)
        self._hash = hash(self._key)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Common) and self._key == other._key


@lru_cache(maxsize=256)
def _common(common: _Common, host: Host) -> tuple[Piece, Piece, Piece]:
    spec = common.spec
    first, middle, last = (
        lower(part, host, None) for part in (plan.first(spec, host), plan.middle(spec, host), plan.last(spec))
    )
    return piece(first), piece(middle), piece(last + SETTLED)


@lru_cache(maxsize=1024)
def _named(hostname: str, hosts: str, host: Host) -> Piece:
    return piece(lower(plan.identity(hostname, hosts), host, None))


@lru_cache(maxsize=1024)
def _entered(task_files: tuple[str, ...], owner: int) -> Piece:
    return piece(enter(task_files, owner))


@lru_cache(maxsize=1024)
def _cgroups_shown(target: str, sources: tuple[tuple[str, str], ...]) -> Piece:
    step = operations.BindCgroups(target).step
    return piece(tuple((step, call, arguments) for call, arguments in _cgroups(target, sources)))


def enter(task_files: tuple[str, ...], owner: int) -> Program:
    """Into the group, then into a cgroup namespace rooted there: in that order, or the root would be the zygote's."""
    begin: tuple[Bare, ...] = (
        ("prctl", (process.PR_SET_PDEATHSIG, signals.SIGKILL)),
        ("umask", (0,)),
        ("close", (numbers.SLOT,)),
        *sequences.LISTEN,
    )
    entered = (call for path in task_files for call in sequences.written(path, "0"))
    return (
        *(("begin", call, arguments) for call, arguments in begin),
        *(("enter cgroup", call, arguments) for call, arguments in entered),
        ("enter cgroup", "unshare", (process.CLONE_NEWCGROUP,)),
        *(("enter cgroup", call, arguments) for call, arguments in sequences.creating_as(owner)),
    )


_SETTLE: tuple[Bare, ...] = (
    # Changing identity has cleared the parent-death signal, and what the process was before must not show in /proc/1.
    ("prctl", (process.PR_SET_PDEATHSIG, signals.SIGKILL)),
    ("prctl", (process.PR_SET_DUMPABLE, 0)),
    ("prctl", (process.PR_SET_NAME, b"farm-init")),
    *(("dup3", (numbers.CHILDREN, number, os.O_CLOEXEC)) for number in range(numbers.SLOT)),
    ("close_range", (numbers.FURTHER, 0xFFFFFFFF, 0)),
    ("umask", (0o022,)),
)
SETTLED: Program = tuple(("settle", call, arguments) for call, arguments in _SETTLE)
"""The last of the zygote goes."""


def user_namespace(capabilities: int) -> int:
    """Which of the user namespaces a container with these capabilities enters; see ``ground``."""
    return _TRUSTED if capabilities & ~_USUAL else _PLAIN


def count_in_networks(capabilities: int) -> bool:
    """Whether some of them are for networks, or allow to make one."""
    return bool(capabilities & (_NETWORK_CAPABILITIES | _MOUNT_CAPABILITY))


def lower(planned: tuple[operations.Operation, ...], host: Host, group: Group | None) -> Program:
    """The calls of ``planned``; ``group`` is for ``BindCgroups`` alone."""
    return tuple(
        (operation.step, call, arguments)
        for operation in planned
        for call, arguments in _lowered(operation, host, group)
    )


def _lowered(operation: operations.Operation, host: Host, group: Group | None) -> tuple[Bare, ...]:
    match operation:
        case operations.Mount(fstype, target, flags, data, source):
            return (sequences.mount(source, target, fstype, flags, data),)
        case operations.MountDisk(target, owner):
            return (("mount_disk", (target, owner)),)
        case operations.Bind(source, target, added, removed):
            bind = sequences.mount(source, target, "", MS_BIND)
            return (bind, sequences.changed(target, added, removed)) if added or removed else (bind,)
        case operations.BindInside(source, target, read_only):
            return (("bind_inside", (source, operations.ROOT, target, int(read_only))),)
        case operations.AttachMount(index, point):
            return _attached(index, point)
        case operations.BindCgroups(target):
            return _cgroups(target, group.view_sources()) if group is not None else ()
        case operations.MakeDirectory(path, mode):
            return (sequences.directory(path, mode),)
        case operations.WriteFile(path, text, new, mode):
            return sequences.created(path, text, mode) if new else sequences.written(path, text)
        case operations.MakeDevices(target):
            return _devices(target)
        case operations.JoinNetwork(index):
            return (("setns", (numbers.FURTHER + index, process.CLONE_NEWNET)),)
        case operations.RaiseLoopback():
            return sequences.RAISE_LOOPBACK
        case operations.SetHostname(name):
            return (("sethostname", (os.fsencode(name), len(os.fsencode(name)))),)
        case operations.PivotRoot(new_root):
            return sequences.pivoted(new_root)
        case operations.SetPersonality(domain):
            return (("personality", (domain,)),)
        case operations.DropPrivileges():
            return (
                *sequences.OPEN_OOM,
                *sequences.creating_as(0),
                *_privileges(operation, user_namespace=host.id_base > 0),
            )


def _attached(index: int, point: MountPoint) -> tuple[Bare, ...]:
    if point.mode is not MountMode.OVERLAY:
        return (("attach_inside", (index, operations.ROOT, point.target, int(point.mode is MountMode.RO))),)
    own = f"{operations.SCRATCH}/mount{index}"
    lower, upper, work, merged = (f"{own}/{name}" for name in ("lower", "upper", "work", "merged"))
    options = plan.overlay_options((lower,), upper, work)
    shown = f"{merged}/{point.name}" if point.name else merged
    return (
        sequences.directory(own, 0o755),
        *(sequences.directory(path, 0o700) for path in (lower, work, merged)),
        ("attach", (index, lower)),
        ("make_alike", (upper, lower)),
        sequences.mount("farm", merged, "overlay", MS_NODEV, options),
        ("bind_inside", (shown, operations.ROOT, point.target, 0)),
    )


def _cgroups(target: str, sources: tuple[tuple[str, str], ...]) -> tuple[Bare, ...]:
    made: list[Bare] = []
    for source, name in sources:
        path = f"{target}/{name}"
        if source.startswith("/"):
            made += [sequences.directory(path, 0o755), sequences.mount(source, path, "", MS_BIND)]
        else:
            made.append(sequences.link(source, path))
    return (*made, sequences.changed(target, MOUNT_ATTR_RDONLY, recursive=True))


def _devices(target: str) -> tuple[Bare, ...]:
    return (
        *(
            ("mknodat", (AT_FDCWD, os.fsencode(f"{target}/{name}"), 0o20666, os.makedev(major, minor)))
            for name, major, minor in plan.DEVICES
        ),
        *(sequences.link(source, f"{target}/{name}") for name, source in plan.LINKS),
        *(sequences.directory(f"{target}/{name}", 0o755) for name in ("pts", "shm", "mqueue")),
    )


def _privileges(dropped: operations.DropPrivileges, *, user_namespace: bool) -> tuple[Bare, ...]:
    """Enter the shared user namespace and give up what the container must not have."""
    kept, filter_id = dropped.capabilities, dropped.filter_id
    made: list[Bare] = _namespaces(kept, own_network=not dropped.given) if user_namespace else []
    # Root of the user namespace, without supplementary groups.
    made += [("setgroups", (0, None)), ("setresgid", (0, 0, 0)), ("setresuid", (0, 0, 0))]
    if dropped.no_new_privs:
        made.append(("prctl", (process.PR_SET_NO_NEW_PRIVS, 1)))
    if filter_id:
        # Before the capabilities go: without no_new_privs, CAP_SYS_ADMIN is what allows taking a filter.
        made.append(("load_filter", (filter_id,)))
    return (*made, *sequences.kept_only(kept, READS_MEMORY if filter_id else 0))


def _namespaces(kept: int, *, own_network: bool) -> list[Bare]:
    """Capabilities count in namespaces that the user namespace owns; those made before belong to the host.

    A container that was given the network or administration capabilities gets such namespaces of its own here. What was
    mounted before stays locked together, so masks cannot be taken off; see mount_namespaces(7).
    """
    made: list[Bare] = [("setns", (numbers.USER_NAMESPACES[user_namespace(kept)], process.CLONE_NEWUSER))]
    if kept & _MOUNT_CAPABILITY:
        made.append(("unshare", (process.CLONE_NEWNS | process.CLONE_NEWUTS | process.CLONE_NEWIPC,)))
    if own_network and count_in_networks(kept):
        made += [("unshare", (process.CLONE_NEWNET,)), *sequences.RAISE_LOOPBACK]
    return made
