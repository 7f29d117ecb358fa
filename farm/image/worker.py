"""Unpacks an archive that nobody trusts, in a process that can break nothing but its staging directory.

It imports what it needs, then locks itself in: mount, network, ipc, uts and pid namespaces of its own, the staging directory
as its root file system through an idmapped view, the containers' user namespace, no capabilities beyond what unpacking
takes, limits of memory and descriptors, and no way to import anything more. Only then does it look at the archive, but for
the few bytes that say what it is packed with. From there on every name in it, symbolic links included, resolves inside, and all
that leaves the process is a line of text (``limits.UNPACKED``).

It dies with the thread that started it, by its parent-death signal; pid 1 of its pid namespace, which does the work, dies
with it in turn.
"""

from __future__ import annotations

import os
import resource
import sys

from farm.errors import FarmError
from farm.image.limits import FAILED, UNPACKED, UNPACKING_FAILED
from farm.image.packed import Packed
from farm.image.stream import Stream
from farm.image.unpack import Unpacker
from farm.kernel import capability, mount, process, userns
from farm.kernel.signals import SIGKILL

TYPE_CHECKING = False  # see ``packed``
if TYPE_CHECKING:
    from farm.image.limits import UnpackLimits

_CAPABILITIES = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID")
_NAMESPACES = process.CLONE_NEWNS | process.CLONE_NEWNET | process.CLONE_NEWIPC | process.CLONE_NEWUTS
_DESCRIPTORS = 64
_MOST_TOLD_BYTES = 1 << 16


def main(archive_fd: int, base: int, limits: UnpackLimits, parent: int, *, layer: bool) -> None:
    """Entry point of the process: its last words on standard output, see ``limits.UNPACKED``.

    The folder to unpack into is all that comes on standard input; nothing at all is done where nothing comes.

    ``base`` is the first id of the range that containers have, 0 for none; ``parent`` the process that started this one;
    ``layer`` as ``Unpacker`` takes it.
    """
    process.prctl(process.PR_SET_PDEATHSIG, SIGKILL)
    if os.getppid() != parent:
        return
    # Made here, where /proc shows its first process.
    userns_fd = _user_namespace(base)
    process.unshare(_NAMESPACES | process.CLONE_NEWPID)
    alive, held = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    worker = os.fork()
    if worker:
        os.close(archive_fd)
        os.waitpid(worker, 0)
        os._exit(0)  # an interpreter takes a hundredth of a second to end in order
    process.prctl(process.PR_SET_PDEATHSIG, SIGKILL)
    os.close(held)
    try:
        os.read(alive, 1)
    except BlockingIOError:
        pass  # the other end is open: the parent is there, and its end will be noticed
    else:
        os._exit(1)
    root = os.fsdecode(_told())
    if not root:
        os._exit(0)
    said = "\0".join(_result(archive_fd, root, userns_fd, limits, layer=layer))
    os.write(1, said.encode(errors="backslashreplace"))
    os._exit(0)


def _told() -> bytes:
    told = b""
    while data := os.read(0, _MOST_TOLD_BYTES):
        told += data
    return told


def _result(archive_fd: int, root: str, userns_fd: int, limits: UnpackLimits, *, layer: bool) -> list[str]:
    try:
        packed = Packed(archive_fd)
        confined = _lock_in(root, userns_fd)
        _limit(limits)
        unpacker = Unpacker(Stream(packed, limits), limits, layer=layer)
        unpacker.run()
    except FarmError as error:
        return [FAILED, _plain(error.brief), _plain(error.detail)]
    except MemoryError:
        return [FAILED, "the archive takes too much memory", f"more than {limits.memory_bytes} bytes to unpack"]
    except OSError as error:
        return [FAILED, UNPACKING_FAILED, _plain(str(error))]
    dropped = (f"{kind} {count}" for kind, count in unpacker.dropped.items())
    return [UNPACKED, str(unpacker.members), str(unpacker.size_bytes), confined, *dropped]


def _plain(text: str) -> str:
    return text.replace("\0", "\\0")


def _lock_in(root: str, userns_fd: int) -> str:
    """Make ``root`` all there is. ``user namespace``, or ``root`` where it had to be without one (see launcher.ground)."""
    mount.mount("", "/", flags=mount.MS_REC | mount.MS_PRIVATE)
    tree = mount.open_tree(root)
    mapped = _mapped(tree, userns_fd)
    mount.mount_setattr("", mount.MOUNT_ATTR_NODEV | mount.MOUNT_ATTR_NOSUID | mount.MOUNT_ATTR_NOEXEC, dir_fd=tree)
    mount.move_mount(tree, root)
    os.close(tree)
    os.chdir(root)
    mount.pivot_root(".", ".")
    mount.umount2(".", mount.MNT_DETACH)
    os.chdir("/")
    if mapped:
        process.setns(userns_fd, process.CLONE_NEWUSER)
    if userns_fd >= 0:
        os.close(userns_fd)
    process.become(0, 0)
    process.prctl(process.PR_SET_NO_NEW_PRIVS, 1)
    capability.keep_only(capability.mask(_CAPABILITIES))
    # A change of identity takes the signal back.
    process.prctl(process.PR_SET_PDEATHSIG, SIGKILL)
    # Nothing that the archive brings is ever taken for a module of Python's.
    sys.path.clear()
    sys.meta_path.clear()
    return "user namespace" if mapped else "root"


def _user_namespace(base: int) -> int:
    try:
        return userns.create_userns(userns.IdMap(base)) if base else -1
    except OSError:
        return -1


def _mapped(tree: int, userns_fd: int) -> bool:
    """Map the ids of the mount ``tree``, or say that its file system cannot do that."""
    try:
        if userns_fd >= 0:
            mount.mount_setattr("", mount.MOUNT_ATTR_IDMAP, dir_fd=tree, userns_fd=userns_fd)
    except OSError:
        return False
    return userns_fd >= 0


def _limit(limits: UnpackLimits) -> None:
    for what, most in (
        (resource.RLIMIT_AS, limits.memory_bytes),
        (resource.RLIMIT_FSIZE, limits.total_bytes),
        (resource.RLIMIT_NOFILE, _DESCRIPTORS),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(what)[1]
        allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (allowed, allowed))
