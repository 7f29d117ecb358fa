"""A plan lowered to the calls that carry it out: what is sent to the child, and all that runs in it.

The child of the zygote runs on a copy-on-write copy of an interpreter, where every object that is looked at costs a page.
So everything is decided, encoded and put in order here, in the process that asks for the container, and the child only
makes calls. A program is a tuple of ``(step, call, arguments)``: ``call`` is a method of ``setup.Setup``, ``step`` what an
error says.
"""

from __future__ import annotations

import os
from dataclasses import fields
from functools import lru_cache
from operator import attrgetter

from farm.cgroup.base import Group
from farm.container import operations, plan
from farm.container.socketcall import READS_MEMORY
from farm.container.spec import ContainerSpec, Host, MountPoint
from farm.kernel import capability, process
from farm.kernel.mount import MS_BIND, MS_NODEV
from farm.model.mount import MountMode

Argument = int | str | bytes
Call = tuple[str, str, tuple[Argument, ...]]
Program = tuple[Call, ...]

_NETWORK_CAPABILITIES = capability.mask(("NET_ADMIN", "NET_RAW", "NET_BROADCAST"))
_MOUNT_CAPABILITY = capability.mask(("SYS_ADMIN",))
_USUAL = capability.mask(capability.DEFAULT)
_OWN = frozenset(
    "argv direct identity environment hostname hosts working_directory hold freeze keep_root init terminal".split()
)
"""What of a spec is not in its program, but goes with it, or is lowered for itself."""
_SHARED = attrgetter(*(each.name for each in fields(ContainerSpec) if each.name not in _OWN))
_PLAIN, _TRUSTED = 0, 1  # user namespaces: one for all, and one for those with more capabilities, see ``ground``


def program(spec: ContainerSpec, host: Host, group: Group) -> Program:
    """The program of a container as ``spec`` wants it, in ``group``.

    It is ``lower(plan.plan(spec, host), ...)``, but what containers have in common is lowered once: most of it for thousands
    of them, what they are called for those of one test, and what is about the group for those that use it in turn.
    """
    first, middle, last = _common(_Common(spec), host)
    cgroups = () if host.cgroup2 else _cgroups_shown(plan.CGROUP, group.view_sources())
    return (
        *enter(host, group),
        *first,
        *_named(spec.hostname, spec.hosts, host),
        *middle,
        *cgroups,
        *last,
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
def _common(common: _Common, host: Host) -> tuple[Program, Program, Program]:
    spec = common.spec
    parts = (plan.first(spec, host), plan.middle(spec, host), plan.last(spec))
    first, middle, last = (lower(part, host, None) for part in parts)
    return first, middle, last


@lru_cache(maxsize=1024)
def _named(hostname: str, hosts: str, host: Host) -> Program:
    return lower(plan.identity(hostname, hosts), host, None)


def enter(host: Host, group: Group) -> Program:
    """Into the group, then into a cgroup namespace rooted there: in that order, or the root would be the zygote's."""
    return _entered(group.task_files(), host.id_base)


@lru_cache(maxsize=1024)
def _entered(task_files: tuple[str, ...], owner: int) -> Program:
    return (
        *(("enter cgroup", "write", (path, "0")) for path in task_files),
        ("enter cgroup", "unshare", (process.CLONE_NEWCGROUP,)),
        ("enter cgroup", "create_as", (owner,)),
    )


@lru_cache(maxsize=1024)
def _cgroups_shown(target: str, sources: tuple[tuple[str, str], ...]) -> Program:
    step = operations.BindCgroups(target).step
    return tuple((step, call, arguments) for call, arguments in _cgroups(target, sources))


def user_namespace(capabilities: int) -> int:
    """Which of the user namespaces a container with these capabilities enters; see ``ground``."""
    return _TRUSTED if capabilities & ~_USUAL else _PLAIN


def count_in_networks(capabilities: int) -> bool:
    """Whether some of them are for networks, or allow to make one."""
    return bool(capabilities & (_NETWORK_CAPABILITIES | _MOUNT_CAPABILITY))


def lower(planned: tuple[operations.Operation, ...], host: Host, group: Group | None) -> Program:
    """The calls of ``planned``; ``group`` is for ``BindCgroups`` alone."""
    lowered: list[Call] = []
    for operation in planned:
        step = operation.step
        if isinstance(operation, operations.DropPrivileges):
            lowered.append(("open log to the container", "own_output", (host.id_base,)))
            lowered.append((step, "create_as", (0,)))
        lowered.extend((step, call, arguments) for call, arguments in _lowered(operation, host, group))
    return tuple(lowered)


_Bare = tuple[str, tuple[Argument, ...]]


def _lowered(operation: operations.Operation, host: Host, group: Group | None) -> tuple[_Bare, ...]:
    match operation:
        case operations.Mount(fstype, target, flags, data, source):
            return (_mount(source, target, fstype, flags, data),)
        case operations.MountDisk(target, owner):
            return (("mount_disk", (target, owner)),)
        case operations.Bind(source, target, read_only):
            bind = _mount(source, target, "", MS_BIND)
            return (bind, ("make_read_only", (os.fsencode(target), 0))) if read_only else (bind,)
        case operations.BindInside(source, target, read_only):
            return (("bind_inside", (source, operations.ROOT, target, int(read_only))),)
        case operations.AttachMount(index, point):
            return _attached(index, point)
        case operations.BindCgroups(target):
            return _cgroups(target, group.view_sources()) if group is not None else ()
        case operations.MakeDirectory(path, mode):
            return (("make_directory", (path, mode)),)
        case operations.WriteFile(path, text, new, mode):
            return (("create", (path, text, mode)) if new else ("write", (path, text)),)
        case operations.MakeDevices(target):
            return _devices(target)
        case operations.JoinNetwork(index):
            return (("join_network", (index,)),)
        case operations.RaiseLoopback():
            return (("raise_loopback", ()),)
        case operations.SetHostname(name):
            return (("set_hostname", (name,)),)
        case operations.PivotRoot(new_root):
            return (("pivot_root", (new_root,)),)
        case operations.SetPersonality(domain):
            return (("set_personality", (domain,)),)
        case operations.DropPrivileges():
            return _privileges(operation, user_namespace=host.id_base > 0)


def _mount(source: str, target: str, fstype: str, flags: int, data: str = "") -> _Bare:
    return "mount", (os.fsencode(source), os.fsencode(target), fstype, flags, os.fsencode(data))


def _attached(index: int, point: MountPoint) -> tuple[_Bare, ...]:
    if point.mode is not MountMode.OVERLAY:
        return (("attach_inside", (index, operations.ROOT, point.target, int(point.mode is MountMode.RO))),)
    own = f"{operations.SCRATCH}/mount{index}"
    lower, upper, work, merged = (f"{own}/{name}" for name in ("lower", "upper", "work", "merged"))
    options = plan.overlay_options((lower,), upper, work)
    shown = f"{merged}/{point.name}" if point.name else merged
    return (
        ("make_directory", (own, 0o755)),
        *(("make_directory", (path, 0o700)) for path in (lower, work, merged)),
        ("attach", (index, lower)),
        ("make_alike", (upper, lower)),
        _mount("farm", merged, "overlay", MS_NODEV, options),
        ("bind_inside", (shown, operations.ROOT, point.target, 0)),
    )


def _cgroups(target: str, sources: tuple[tuple[str, str], ...]) -> tuple[_Bare, ...]:
    made: list[_Bare] = []
    for source, name in sources:
        path = f"{target}/{name}"
        if source.startswith("/"):
            made += [("make_directory", (path, 0o755)), _mount(source, path, "", MS_BIND)]
        else:
            made.append(("link", (source, path)))
    return (*made, ("make_read_only", (os.fsencode(target), 1)))


def _devices(target: str) -> tuple[_Bare, ...]:
    return (
        *(
            ("make_node", (f"{target}/{name}", 0o20666, os.makedev(major, minor)))
            for name, major, minor in plan.DEVICES
        ),
        *(("link", (source, f"{target}/{name}")) for name, source in plan.LINKS),
        *(("make_directory", (f"{target}/{name}", 0o755)) for name in ("pts", "shm", "mqueue")),
    )


def _privileges(dropped: operations.DropPrivileges, *, user_namespace: bool) -> tuple[_Bare, ...]:
    """Enter the shared user namespace and give up what the container must not have."""
    kept, filter_id = dropped.capabilities, dropped.filter_id
    made: list[_Bare] = _namespaces(kept, own_network=not dropped.given) if user_namespace else []
    made.append(("become_root", ()))
    if dropped.no_new_privs:
        made.append(("set_no_new_privs", ()))
    if filter_id:
        # Before the capabilities go: without no_new_privs, CAP_SYS_ADMIN is what allows taking a filter.
        made.append(("load_filter", (filter_id,)))
    made.append(("keep_capabilities", (kept, READS_MEMORY if filter_id else 0)))
    return tuple(made)


def _namespaces(kept: int, *, own_network: bool) -> list[_Bare]:
    """Capabilities count in namespaces that the user namespace owns; those made before belong to the host.

    A container that was given the network or administration capabilities gets such namespaces of its own here. What was
    mounted before stays locked together, so masks cannot be taken off; see mount_namespaces(7).
    """
    made: list[_Bare] = [("enter_user_namespace", (user_namespace(kept),))]
    if kept & _MOUNT_CAPABILITY:
        made.append(("unshare", (process.CLONE_NEWNS | process.CLONE_NEWUTS | process.CLONE_NEWIPC,)))
    if own_network and count_in_networks(kept):
        made += [("unshare", (process.CLONE_NEWNET,)), ("raise_loopback", ())]
    return made
