"""What a container is asked to be."""

from __future__ import annotations

import errno
from dataclasses import dataclass, field

from farm.errors import KernelError
from farm.kernel import capability
from farm.model.build import Bind, Network
from farm.model.distro import Overlay
from farm.model.limits import Limits
from farm.model.mount import MountMode

NO_NETWORK = "# loopback only: this container has no network\n"
LOOPBACK_HOSTS = (
    "127.0.0.1\tlocalhost\n"
    "::1\tlocalhost ip6-localhost ip6-loopback\n"
    "fe00::0\tip6-localnet\n"
    "ff02::1\tip6-allnodes\n"
    "ff02::2\tip6-allrouters\n"
)


@dataclass(frozen=True, slots=True)
class MountPoint:
    """Where a detached mount, whose descriptor comes with the request, is attached.

    ``source`` is the host's path, for messages. With ``name`` it is the folder of that file, and the file alone is shown.
    """

    source: str
    target: str
    mode: MountMode
    name: str = ""
    is_directory: bool = True


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """One container, as the engine asks the launcher for it.

    ``overlays``, sources of ``binds`` and ``scratch_dir`` are paths of the host's (see ``Host.shown``). ``environment`` is
    what the command gets, whole. ``direct``, where it is not empty, is tried in place of ``argv`` first. ``identity`` is the
    uid, gid and further groups of the command, empty for root. ``mounts`` are in the order of their descriptors. ``joins``
    says that the network namespace is one whose descriptor comes after theirs, in place of a new one. ``capabilities`` are
    bits. ``filter_id`` names a seccomp filter the launcher was given before, 0 for none. ``on_disk`` says that the scratch
    space is a block device whose descriptor comes with the request, instead of a tmpfs; ``scratch_dir``, where it is not
    empty, that it is this empty directory of the host, which keeps what is written. ``personality`` is the execution domain
    of personality(2): PER_LINUX32 makes uname(2) speak to 32-bit programs. ``hold`` keeps the container after its command has
    ended until it is released; with ``freeze`` what the command left running is stopped meanwhile, not killed. Without
    ``init`` the command is PID 1 itself. ``terminal``, where it is not empty, is the size (``struct winsize``) of a
    pseudo-terminal for the command; its other end comes back with the answer. ``keep_root`` sends back descriptors of its
    root directory and its mount namespace, so that its files stay when it has ended. ``bare`` leaves out what hides and locks
    parts of /proc and /sys. ``hosts`` goes before what /etc/hosts says of the container itself. ``nsswitch``, where it is not
    empty, is a /etc/nsswitch.conf for an image that has none.
    """

    overlays: tuple[Overlay, ...]
    argv: tuple[str, ...]
    environment: tuple[tuple[str, str], ...] = ()
    hostname: str = "farm"
    working_directory: str = "/"
    limits: Limits = field(default_factory=Limits)
    capabilities: int = capability.mask(capability.DEFAULT)
    no_new_privs: bool = True
    filter_id: int = 0
    on_disk: bool = False
    scratch_dir: str = ""
    network: Network = Network.NONE
    joins: bool = False
    binds: tuple[Bind, ...] = ()
    personality: int = 0
    hold: bool = False
    freeze: bool = False
    terminal: bytes = b""
    direct: tuple[str, ...] = ()
    identity: tuple[int, ...] = ()
    mounts: tuple[MountPoint, ...] = ()
    bare: bool = False
    keep_root: bool = False
    init: bool = True
    resolv_conf: str = NO_NETWORK
    hosts: str = LOOPBACK_HOSTS
    nsswitch: str = ""


@dataclass(frozen=True, slots=True, eq=False)  # one for each zygote: looked up for every container, by identity
class Host:
    """What the zygote found or made once, that every container's plan depends on.

    ``id_base`` is the host's uid and gid of a container's root, 0 without a user namespace. ``masked`` and ``read_only`` are
    the paths of the wanted lists that this kernel has; of ``masked``, those in ``masked_directories`` are directories.
    ``views`` are what the zygote's root shows of the host: the path here and the path there, one within another first.
    """

    id_base: int
    cgroup2: bool
    masked: tuple[str, ...]
    masked_directories: frozenset[str]
    read_only: tuple[str, ...]
    views: tuple[tuple[str, str], ...] = ()

    def shown(self, path: str) -> str:
        """Where the zygote's root has ``path``. Raises ``KernelError`` (ENOENT) where no view shows it."""
        for directory, shown in self.views:
            if path == directory or path.startswith(directory + "/"):
                return shown + path[len(directory) :]
        raise KernelError("open_tree", errno.ENOENT, (path,), "no view was asked for that shows this directory")
