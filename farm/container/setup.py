"""Performs a program inside the new namespaces of one container: one method a call, nothing decided.

This is most of what the child of the zygote executes between its birth and the command, on memory that is copied page
by page as it is touched; see ``program``.
"""

from __future__ import annotations

import _socket
import errno
import fcntl
import os
import sys

from farm.errors import KernelError
from farm.kernel import capability, files, process, seccomp
from farm.kernel import mount as m

_SIOCSIFFLAGS = 0x8914
_LOOPBACK_UP = (
    b"lo" + bytes(14) + (0x1 | 0x40).to_bytes(2, sys.byteorder) + bytes(14)
)  # struct ifreq: IFF_UP | IFF_RUNNING
_FILE_TYPE, _PIPE, _DIRECTORY = 0o170000, 0o010000, 0o040000  # S_IFMT, S_IFIFO and S_IFDIR of inode(7)
_HARMLESS = m.MOUNT_ATTR_NOSUID | m.MOUNT_ATTR_NODEV
_REHEARSALS = 32
_REHEARSAL = tuple(
    ("rehearse", call, arguments)
    for call, arguments in (
        ("create_as", (1,)),
        ("mount", (b"farm", b"/c", "tmpfs", 0, b"mode=755")),
        ("make_directory", ("/c/dev", 0o755)),
        ("make_node", ("/c/dev/null", 0o20666, os.makedev(1, 3))),
        ("link", ("null", "/c/dev/link")),
        ("create", ("/c/dev/file", "text", 0o644)),
        ("write", ("/c/dev/file", "text")),
        ("make_read_only", (b"/c", 0)),
        ("create_as", (0,)),
    )
)


class SetupError(Exception):
    """A step of the program that failed, with the kernel's reason as ``__cause__``."""

    def __init__(self, step: str) -> None:
        super().__init__(step)
        self.step = step


class Setup:
    """What a program needs besides itself. Descriptors are borrowed, but for ``oom_fd`` and ``listener_fd``: made on the way.

    ``userns_fds`` are the user namespaces that containers may enter, none without; ``further`` is the scratch space's block
    device, if there is one, then detached mounts, then the network namespace that it joins, if it does; ``filters`` are
    compiled seccomp programs by id; ``stdio`` what the command will have as 0, 1 and 2.
    ``oom_fd`` is PID 1's /proc/self/oom_score_adj, opened while it can be; ``listener_fd`` answers for the filter, -1 where
    nobody does.
    """

    __slots__ = ("_filters", "_further", "_stdio", "_userns_fds", "listener_fd", "oom_fd")

    def __init__(
        self, userns_fds: tuple[int, ...], further: tuple[int, ...], filters: dict[int, bytes], stdio: tuple[int, ...]
    ) -> None:
        self._userns_fds = userns_fds
        self._further = further
        self._filters = filters
        self._stdio = stdio
        self.oom_fd = -1
        self.listener_fd = -1

    def perform(self, program: tuple[tuple[str, str, tuple[object, ...]], ...]) -> None:
        """Carry out ``program`` in order. Raises ``SetupError`` at the first call that fails; nothing is undone."""
        for step, call, arguments in program:
            try:
                getattr(self, call)(*arguments)
            except OSError as error:
                raise SetupError(step) from error

    mount = staticmethod(m.mount)
    make_directory = staticmethod(os.mkdir)
    make_node = staticmethod(os.mknod)
    link = staticmethod(os.symlink)
    unshare = staticmethod(process.unshare)
    create_as = staticmethod(process.create_as)
    set_hostname = staticmethod(_socket.sethostname)
    set_personality = staticmethod(process.personality)
    keep_capabilities = staticmethod(capability.keep_only)

    def create(self, path: str, text: str, mode: int) -> None:
        """A small new file."""
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        try:
            os.write(fd, text.encode())
        finally:
            os.close(fd)

    def write(self, path: str, text: str) -> None:
        """Write to one of the kernel's files in one call."""
        fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(fd, text.encode())
        except OSError as error:
            raise KernelError("write", error.errno or 0, (path, text)) from error
        finally:
            os.close(fd)

    def make_read_only(self, target: bytes, recursive: int) -> None:
        """Make the mount at ``target`` read-only, and those below it."""
        m.mount_setattr(target, m.MOUNT_ATTR_RDONLY, recursive=bool(recursive))

    def bind_inside(self, source: str, root: str, target: str, read_only: int) -> None:
        """Bind ``source`` at ``target`` below ``root``, by descriptor."""
        flags = _HARMLESS | (m.MOUNT_ATTR_RDONLY if read_only else 0)
        tree = m.open_tree(source)
        try:
            m.mount_setattr("", flags, dir_fd=tree)
            _move_inside(tree, root, target)
        finally:
            os.close(tree)

    def attach_inside(self, index: int, root: str, target: str, read_only: int) -> None:
        """Attach the detached mount ``index`` at ``target`` below ``root``, by descriptor."""
        tree = self._further[index]
        m.mount_setattr("", _HARMLESS | (m.MOUNT_ATTR_RDONLY if read_only else 0), dir_fd=tree)
        _move_inside(tree, root, target)

    def attach(self, index: int, target: str) -> None:
        """Attach the detached mount ``index`` at ``target``, a directory that only the farm made; nothing writes to it."""
        tree = self._further[index]
        m.mount_setattr("", _HARMLESS | m.MOUNT_ATTR_RDONLY, dir_fd=tree)
        m.move_mount(tree, target)

    def make_alike(self, path: str, model: str) -> None:
        """A new directory with owner, mode and times of ``model``: an overlay shows its upper layer's."""
        status = os.stat(model)
        os.mkdir(path, 0o700)
        os.chown(path, status.st_uid, status.st_gid)
        os.chmod(path, status.st_mode & 0o7777)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))

    def mount_disk(self, target: str, owner: int) -> None:
        """Mount the block device that came with the request; its file system is ext4."""
        # A node of our own: the host's /dev is out of sight here, and this goes with the namespace.
        m.mount("node", "/node", "tmpfs", m.MS_NOSUID | m.MS_NOEXEC, "mode=700")
        os.mknod("/node/disk", 0o60600, os.fstat(self._further[0]).st_rdev)
        m.mount("/node/disk", target, "ext4", m.MS_NODEV)
        m.umount2("/node", m.MNT_DETACH)
        os.rmdir(f"{target}/lost+found")
        os.chown(target, owner, owner)

    def join_network(self, index: int) -> None:
        """setns(2) into the network namespace that came as further descriptor ``index``."""
        process.setns(self._further[index], process.CLONE_NEWNET)

    def raise_loopback(self) -> None:
        """Bring up ``lo`` in the current network namespace; needs CAP_NET_ADMIN over it (EPERM)."""
        control = _socket.socket(_socket.AF_INET, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC)
        try:
            fcntl.ioctl(control, _SIOCSIFFLAGS, _LOOPBACK_UP)
        finally:
            control.close()

    def pivot_root(self, new_root: str) -> None:
        """pivot_root(2) to ``new_root``, then let go of everything else; verified by the working directory."""
        os.chdir(new_root)
        m.pivot_root(".", ".")
        # The old root now lies on top of the new one at the same place; taking it off uncovers the new root.
        m.umount2(".", m.MNT_DETACH)
        os.chdir("/")
        if os.getcwd() != "/":  # a working directory outside the root would be a way out (CVE-2024-21626)
            raise KernelError("getcwd", 2, (os.getcwd(),), "the working directory is outside the container's root")

    def own_output(self, owner: int) -> None:
        """Let the container's users open /dev/stdout: a pipe has an inode with an owner like any file. Opens ``oom_fd``."""
        self.oom_fd = os.open("/proc/self/oom_score_adj", os.O_WRONLY | os.O_CLOEXEC)
        for fd in self._stdio[1:]:
            if (
                os.fstat(fd).st_mode & _FILE_TYPE == _PIPE
            ):  # of anything else (/dev/null) the owner is the host's affair
                os.fchown(fd, owner, owner)
                os.fchmod(fd, 0o666)

    def enter_user_namespace(self, number: int) -> None:
        """setns(2) into one of the namespaces that containers share."""
        process.setns(self._userns_fds[number], process.CLONE_NEWUSER)

    def become_root(self) -> None:
        """Root of the user namespace, without supplementary groups."""
        process.become(0, 0)

    def set_no_new_privs(self) -> None:
        """No setuid program gives anything from here on."""
        process.prctl(process.PR_SET_NO_NEW_PRIVS, 1)

    def load_filter(self, filter_id: int) -> None:
        """Take the seccomp filter with that id. Opens ``listener_fd``."""
        try:
            self.listener_fd = seccomp.load_filter(self._filters[filter_id], listener=True)
        except KernelError as error:
            if error.errno != errno.EBUSY:
                raise
            # The farm itself runs under a filter that somebody answers for, and there is one of these a process: what would
            # be asked of us is ENOSYS then.
            seccomp.load_filter(self._filters[filter_id])


def _move_inside(tree: int, root: str, target: str) -> None:
    """Attach the detached mount ``tree`` at ``target`` below ``root``, which is made where it is not there."""
    root_fd = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        is_directory = os.fstat(tree).st_mode & _FILE_TYPE == _DIRECTORY
        point = files.made_inside(root_fd, target, is_directory=is_directory)
        try:
            if files.file_system(point) in files.KERNEL_FILE_SYSTEMS:
                raise KernelError("move_mount", errno.EPERM, (target,), "it leads to the kernel's own files")
            if (os.fstat(point).st_mode & _FILE_TYPE == _DIRECTORY) != is_directory:
                there, given = ("a file", "a folder") if is_directory else ("a folder", "a file")
                hint = f"the image has {there} there, and the source is {given}"
                raise KernelError("move_mount", errno.ENOTDIR, (target,), hint)
            m.move_mount(tree, "", dir_fd=point)
        finally:
            os.close(point)
    finally:
        os.close(root_fd)


def rehearse() -> None:
    """Perform what changes nothing a few times over.

    The interpreter specialises code that runs often, in place. In a container everything runs once: it would begin with
    that in each one, and never get far. What has been rehearsed before the memory is copied is done with.
    """
    setup = Setup((), (), {}, ())
    for _ in range(_REHEARSALS):
        setup.perform(_REHEARSAL)
        m.umount2("/c", m.MNT_DETACH)
