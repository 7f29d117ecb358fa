"""What setting up a container consists of: frozen operations, each with the step that an error names it by."""

from __future__ import annotations

from farm.container.spec import MountPoint
from farm.values import dataclass

SCRATCH = "/c"
ROOT = "/c/root"


@dataclass(frozen=True, slots=True)
class Mount:
    """mount(2); ``data`` as the file system takes it."""

    fstype: str
    target: str
    flags: int = 0
    data: str = ""
    source: str = ""

    @property
    def step(self) -> str:
        return f"mount {self.fstype} on {_inside(self.target)}"


@dataclass(frozen=True, slots=True)
class MountDisk:
    """Mount the block device that came with the request as the scratch space; its file system is ext4."""

    target: str
    owner: int
    step: str = "mount disk-backed scratch space"


@dataclass(frozen=True, slots=True)
class Bind:
    """Bind ``source`` on ``target``, both paths that only the farm made.

    ``added`` and ``removed`` are attributes (MOUNT_ATTR_*) in which it differs from the mount that ``source`` lies in.
    """

    source: str
    target: str
    added: int = 0
    removed: int = 0

    @property
    def step(self) -> str:
        return f"bind {_inside(self.target)}"


@dataclass(frozen=True, slots=True)
class BindInside:
    """Bind ``source`` at ``target``, a path inside, made where it is not there; links in it lead nowhere outside (B02)."""

    source: str
    target: str
    read_only: bool

    @property
    def step(self) -> str:
        return f"bind {self.target}"


@dataclass(frozen=True, slots=True)
class AttachMount:
    """Attach the detached mount that came as further descriptor ``index`` at ``point.target``, as ``BindInside`` does."""

    index: int
    point: MountPoint

    @property
    def step(self) -> str:
        return f"mount {self.point.source} at {self.point.target}"


@dataclass(frozen=True, slots=True)
class BindCgroups:
    """Show the container's own v1 groups, read-only, below ``target``."""

    target: str
    step: str = "bind /sys/fs/cgroup"


@dataclass(frozen=True, slots=True)
class MakeDirectory:
    """A directory of the container's."""

    path: str
    mode: int = 0o755

    @property
    def step(self) -> str:
        return f"mkdir {_inside(self.path)}"


@dataclass(frozen=True, slots=True)
class WriteFile:
    """A small file of the container's, or one that is there: the kernel's."""

    path: str
    text: str
    new: bool = True
    mode: int = 0o644

    @property
    def step(self) -> str:
        return f"write {_inside(self.path)}"


@dataclass(frozen=True, slots=True)
class MakeDevices:
    """The device nodes and links of a minimal /dev at ``target``."""

    target: str
    step: str = "populate /dev"


@dataclass(frozen=True, slots=True)
class JoinNetwork:
    """Enter the network namespace that came as further descriptor ``index``, before anything shows what is in one."""

    index: int
    step: str = "join network"


@dataclass(frozen=True, slots=True)
class RaiseLoopback:
    """Bring up ``lo`` of the new network namespace."""

    step: str = "bring up loopback"


@dataclass(frozen=True, slots=True)
class SetHostname:
    """sethostname(2)."""

    name: str
    step: str = "set hostname"


@dataclass(frozen=True, slots=True)
class PivotRoot:
    """pivot_root(2) to ``new_root``, then let go of everything else; verified by the working directory."""

    new_root: str
    step: str = "pivot_root"


@dataclass(frozen=True, slots=True)
class SetPersonality:
    """personality(2): kept over fork and exec; comes before the filter, which allows few."""

    domain: int
    step: str = "set personality"


@dataclass(frozen=True, slots=True)
class DropPrivileges:
    """Enter the shared user namespace, become its root, keep ``capabilities`` only, take the seccomp filter.

    Where ``capabilities`` are for networks, they get one to count in, but for a container whose network is ``given``.
    """

    capabilities: int
    no_new_privs: bool
    filter_id: int
    given: bool = False
    step: str = "drop privileges"


Operation = (
    Mount
    | MountDisk
    | Bind
    | BindInside
    | AttachMount
    | BindCgroups
    | MakeDirectory
    | WriteFile
    | MakeDevices
    | JoinNetwork
    | RaiseLoopback
    | SetHostname
    | PivotRoot
    | SetPersonality
    | DropPrivileges
)


def upper(number: int) -> str:
    return f"{SCRATCH}/upper{number or ''}"


def _inside(path: str) -> str:
    """``path`` as the container will see it."""
    for prefix in (ROOT, upper(0)):
        if path == prefix or path.startswith(prefix + "/"):
            return path[len(prefix) :] or "/"
    return path
