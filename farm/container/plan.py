"""A container's set-up as an ordered tuple of frozen operations: pure, printable, performed by ``setup``.

The zygote lives in a tiny root file system of its own, which every container starts from::

    /views/N        idmapped views of the directories that images lie in
    /empty          an empty read-only directory, for masks
    /c              where a container mounts its scratch space:
    /c/root         its root file system: an overlay
    /c/upper /c/work, /c/upper1 /c/work1, ...   the writable half of each overlay
    /c/dev /c/shm                               its /dev and /dev/shm, where the scratch space is a tmpfs
    /c/mount0/lower upper work merged, ...      the same of each mount whose writes vanish

Two facts shape the order. An overlay merges directories but lets a directory of its upper layer hide anything else below
it, so making /proc, /sys, /dev and /etc in the upper layer first means that whatever an image has under these names,
symbolic links included, can never be followed by a mount (CVE-2019-19921, CVE-2023-27561). And all of this happens as
real root before the user namespace is entered, so no mount here can be undone from inside; what is created meanwhile
belongs to the container's root all the same (setfsuid(2)).
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from farm.container.operations import (
    ROOT,
    SCRATCH,
    AttachMount,
    Bind,
    BindCgroups,
    BindInside,
    DropPrivileges,
    JoinNetwork,
    MakeDevices,
    MakeDirectory,
    Mount,
    MountDisk,
    Operation,
    PivotRoot,
    RaiseLoopback,
    SetHostname,
    SetPersonality,
    WriteFile,
    upper,
)
from farm.container.spec import ContainerSpec, Host
from farm.kernel.mount import (
    MOUNT_ATTR_NODEV,
    MOUNT_ATTR_NOEXEC,
    MOUNT_ATTR_NOSUID,
    MOUNT_ATTR_RDONLY,
    MS_NODEV,
    MS_NOEXEC,
    MS_NOSUID,
    MS_RDONLY,
)
from farm.model.build import Network

MASKED = (
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
)
"""What is hidden, as containerd and Docker hide it by default."""

READ_ONLY = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")
"""What is read-only, as containerd makes it by default; the whole of /sys is besides."""

DEVICES = (("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0))
LINKS = (
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
    ("ptmx", "pts/ptmx"),
)
_TTY_GROUP = 5  # the same number on every distribution that has the group
_NO_EXEC = MS_NOSUID | MS_NODEV | MS_NOEXEC
_SHM_BYTES = 64 << 20
_TERMINALS = 256  # of some 3,000 that the host has
CGROUP = f"{ROOT}/sys/fs/cgroup"


def host(id_base: int, views: Iterable[tuple[str, str]], *, cgroup2: bool) -> Host:
    """This host, for ``plan``: looks which of the paths to hide this kernel has. ``views`` in any order."""
    there = {path: os.path.isdir(path) for path in (*MASKED, *READ_ONLY) if os.path.lexists(path)}
    return Host(
        id_base=id_base,
        cgroup2=cgroup2,
        masked=tuple(path for path in MASKED if path in there),
        masked_directories=frozenset(path for path, is_directory in there.items() if is_directory),
        read_only=tuple(path for path in READ_ONLY if path in there),
        views=tuple(sorted(views, key=lambda each: -len(each[0]))),  # so that one inside another is found before it
    )


def plan(spec: ContainerSpec, host: Host) -> tuple[Operation, ...]:
    """Everything between the new namespaces and the command, in order."""
    cgroups = () if host.cgroup2 else (BindCgroups(CGROUP),)
    return (*first(spec, host), *identity(spec.hostname, spec.hosts), *middle(spec, host), *cgroups, *last(spec))


def first(spec: ContainerSpec, host: Host) -> tuple[Operation, ...]:
    """Its network where it has no new one, and room for what it writes."""
    joined = (JoinNetwork(spec.on_disk + len(spec.mounts)),) if spec.joins else ()
    return (*joined, *_scratch(spec, host), *_layers(spec))


def identity(hostname: str, hosts: str) -> tuple[Operation, ...]:
    """What it is called: all that depends on the host name. As plain files, so that tests may edit or replace them."""
    etc = f"{upper(0)}/etc"
    return (
        WriteFile(f"{etc}/hosts", f"{hosts}127.0.1.1\t{hostname}\n"),
        WriteFile(f"{etc}/hostname", f"{hostname}\n"),
        SetHostname(hostname),
    )


def middle(spec: ContainerSpec, host: Host) -> tuple[Operation, ...]:
    """Its file systems, and what is hidden of them."""
    etc = f"{upper(0)}/etc"
    named = [WriteFile(f"{etc}/resolv.conf", spec.resolv_conf)]
    if spec.nsswitch:
        named.append(WriteFile(f"{etc}/nsswitch.conf", spec.nsswitch))
    network = _network(host) if spec.network is not Network.HOST else ()
    file_systems = (*_overlays(spec, host), _proc(), *network, *_dev(spec, host.id_base), *_sys(host))
    return (
        *named,
        *file_systems,
        *(() if spec.bare else _hidden(host)),
        *(BindInside(host.shown(each.source), each.target, not each.writable) for each in spec.binds),
        *(AttachMount(number + spec.on_disk, point) for number, point in enumerate(spec.mounts)),
    )


def last(spec: ContainerSpec) -> tuple[Operation, ...]:
    """Leaving the host behind."""
    return (
        PivotRoot(ROOT),
        *((SetPersonality(spec.personality),) if spec.personality else ()),
        DropPrivileges(
            spec.capabilities, spec.no_new_privs, spec.filter_id, given=spec.joins or spec.network is Network.HOST
        ),
    )


def _scratch(spec: ContainerSpec, host: Host) -> tuple[Operation, ...]:
    """The space that everything written goes to. tmpfs pages are charged to the job's memory quota."""
    if spec.scratch_dir:
        return (Bind(host.shown(spec.scratch_dir), SCRATCH),)
    if spec.on_disk:
        return (MountDisk(SCRATCH, host.id_base),)
    data = f"size={spec.limits.memory_bytes},mode=755,uid={host.id_base},gid={host.id_base}"
    return (Mount("tmpfs", SCRATCH, MS_NODEV, data, "farm"),)


def _layers(spec: ContainerSpec) -> tuple[Operation, ...]:
    made = [MakeDirectory(ROOT)]
    for number in range(len(spec.overlays)):
        made += [MakeDirectory(upper(number)), MakeDirectory(_work(number), 0o700)]
    return (*made, *(MakeDirectory(f"{upper(0)}/{name}") for name in ("proc", "sys", "dev", "etc")))


def _overlays(spec: ContainerSpec, host: Host) -> tuple[Operation, ...]:
    return tuple(
        Mount(
            "overlay",
            ROOT if overlay.target == "/" else ROOT + overlay.target,
            MS_NODEV,
            overlay_options(tuple(map(host.shown, overlay.lowers)), upper(number), _work(number)),
            "farm",
        )
        for number, overlay in enumerate(spec.overlays)
    )


def overlay_options(lowers: tuple[str, ...], upper: str, work: str) -> str:
    """Options of overlayfs; a path's backslashes, commas and colons are escaped as the kernel's parser wants."""
    lower = ":".join(_escaped(path) for path in lowers)
    return f"lowerdir={lower},upperdir={upper},workdir={work}"


def _proc() -> Operation:
    return Mount("proc", f"{ROOT}/proc", _NO_EXEC, "", "proc")


def _network(host: Host) -> tuple[Operation, ...]:
    """Its own network: ``lo``, and while /proc can be written, what lets an unprivileged root serve port 80 and ping."""
    net = f"{ROOT}/proc/sys/net/ipv4"
    last_id = host.id_base + 65535 if host.id_base else 2147483647
    return (
        RaiseLoopback(),
        WriteFile(f"{net}/ip_unprivileged_port_start", "0", new=False),
        WriteFile(f"{net}/ping_group_range", f"{host.id_base} {last_id}", new=False),
    )


def _dev(spec: ContainerSpec, owner: int) -> tuple[Operation, ...]:
    dev = f"{ROOT}/dev"
    own, shm = _dev_on_disk(dev, owner) if spec.on_disk or spec.scratch_dir else _dev_in_scratch(dev)
    data = f"newinstance,ptmxmode=0666,mode=0620,gid={owner + _TTY_GROUP},max={_TERMINALS}"
    return (
        *own,
        MakeDevices(dev),
        Mount("devpts", f"{dev}/pts", MS_NOSUID | MS_NOEXEC, data, "devpts"),
        *shm,
        Mount("mqueue", f"{dev}/mqueue", _NO_EXEC, "", "mqueue"),
    )


def _dev_in_scratch(dev: str) -> tuple[tuple[Operation, ...], tuple[Operation, ...]]:
    """/dev and /dev/shm as directories of the scratch space, which is a tmpfs.

    Each file system costs a superblock, made and taken down for every container, and the kernel keeps an account of its
    caches (a shrinker) in every control group of memory.
    """
    plain, closed = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC
    return (
        (MakeDirectory(f"{SCRATCH}/dev"), Bind(f"{SCRATCH}/dev", dev, plain, MOUNT_ATTR_NODEV)),
        (MakeDirectory(f"{SCRATCH}/shm", 0o1777), Bind(f"{SCRATCH}/shm", f"{dev}/shm", closed)),
    )


def _dev_on_disk(dev: str, owner: int) -> tuple[tuple[Operation, ...], tuple[Operation, ...]]:
    """File systems of their own, for what belongs into memory."""
    ids = f"uid={owner},gid={owner}"
    return (
        (Mount("tmpfs", dev, MS_NOSUID | MS_NOEXEC, f"mode=755,size=64k,{ids}", "dev"),),
        (Mount("tmpfs", f"{dev}/shm", _NO_EXEC, f"mode=1777,size={_SHM_BYTES},{ids}", "shm"),),
    )


def _sys(host: Host) -> tuple[Operation, ...]:
    sysfs = Mount("sysfs", f"{ROOT}/sys", _NO_EXEC | MS_RDONLY, "", "sysfs")
    if host.cgroup2:
        return (sysfs, Mount("cgroup2", CGROUP, _NO_EXEC | MS_RDONLY, "", "cgroup"))
    return (sysfs, Mount("tmpfs", CGROUP, _NO_EXEC, "mode=755,size=64k", "cgroup"))


def _hidden(host: Host) -> tuple[Operation, ...]:
    read_only = tuple(Bind(ROOT + path, ROOT + path, MOUNT_ATTR_RDONLY) for path in host.read_only)
    masked = tuple(
        Bind("/empty" if path in host.masked_directories else f"{ROOT}/dev/null", ROOT + path) for path in host.masked
    )
    return read_only + masked


def _work(number: int) -> str:
    return f"{SCRATCH}/work{number or ''}"


def _escaped(path: str) -> str:
    return path.replace("\\", "\\\\").replace(":", "\\:").replace(",", "\\,")
