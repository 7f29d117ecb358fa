"""The engine's side of the zygote: starts it, orders containers of it, lends them their groups, sees them end."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import marshal
import os
import signal
import stat
import subprocess
import sys

from farm.cgroup import detect
from farm.cgroup.base import Group, Manager
from farm.container import numbers, plan, program, words
from farm.container.spec import ContainerSpec, Host
from farm.errors import FarmError, KernelError
from farm.kernel import sockets
from farm.kernel.userns import IdMap
from farm.launcher import wire
from farm.launcher.container import Container
from farm.launcher.ground import view
from farm.model.build import Network
from farm.model.job import Failure
from farm.values import dataclass

_MESSAGE_BYTES = 1 << 16
_FAREWELL_S = 10.0
_SWEEP_S = 0.02  # a group's last exit may lag behind its last process by as much
_SWEEPS = 25
_ENVIRONMENT = {"LD_BIND_NOW": "1"}  # what the linker looks up late it would look up, and write down, in every child


@dataclass(frozen=True, slots=True)
class Ready:
    """What containers will have on this host."""

    cgroup: str
    user_namespace: bool
    warnings: tuple[str, ...]


class Client:
    """One zygote, and the groups of one run. Not thread-safe: everything on the loop that called ``start``.

    ``views`` are what of the host its containers may see, read-only, but for those below ``writable``, which are views too.
    """

    def __init__(
        self, run: str, views: tuple[str, ...], id_map: IdMap | None, *, writable: tuple[str, ...] = ()
    ) -> None:
        self._run = run
        self._given = (*((path, False) for path in views), *((path, True) for path in writable))
        self._id_map = id_map
        self._socket: sockets.Socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._manager: Manager | None = None
        self._host: Host | None = None
        self._containers: dict[int, Container] = {}
        self._next_id = 1
        self._ready: asyncio.Future[tuple[str, int]] | None = None
        self._data_address = 0
        self._userns_fds: tuple[int, ...] = ()
        self._backlog: list[tuple[bytes, tuple[int, ...], Container | None]] = []
        self._gate = asyncio.Lock()
        self._emptied: asyncio.Future[None] | None = None
        self._sweeps_left = 0

    @property
    def alive(self) -> bool:
        """The zygote can be asked for containers."""
        return self._socket is not None and self._host is not None

    def userns_fd(self, capabilities: int) -> int:
        """The user namespace that has to own a network for ``capabilities`` to count in it, -1 where none has to.

        It stays the client's.
        """
        if not self._userns_fds or not program.count_in_networks(capabilities):
            return -1
        return self._userns_fds[program.user_namespace(capabilities)]

    async def start(self) -> Ready:
        """Start the zygote. Raises ``FarmError`` where this host cannot run containers, naming the step."""
        self._ready = ready = asyncio.get_running_loop().create_future()
        self._start_process()  # first, for an interpreter takes its time to start; it waits to be told what to prepare
        try:
            self._manager = manager = await self._groups()
        except BaseException:
            ready.cancel()  # nobody waits for it
            raise
        binds = detect.mount_points()
        id_map = (self._id_map.base, self._id_map.count) if self._id_map is not None else None
        self._send(wire.CONFIGURE, marshal.dumps((self._given, id_map, binds)))
        reason, self._data_address = await ready
        id_base = self._id_map.base if self._id_map is not None and not reason else 0
        views = ((path, view(number)) for number, (path, _) in enumerate(self._given))
        self._host = plan.host(id_base, views, cgroup2=manager.mode == "v2")
        return Ready(manager.mode, not reason, (*((reason,) if reason else ()), *manager.missing))

    async def _groups(self) -> Manager:
        step = "sweep cgroups of dead runs"
        try:
            await asyncio.get_running_loop().run_in_executor(None, detect.sweep_dead)
            step = "make cgroups"
            return detect.open_hierarchies(f"farm/{self._run}")
        except OSError as error:
            raise _unfit(step, str(error), error.hint if isinstance(error, KernelError) else "") from error

    def add_filter(self, filter_id: int, bpf: bytes) -> None:
        """Let specs name the seccomp program ``bpf`` as ``filter_id``."""
        self._send(wire.FILTER, marshal.dumps((filter_id, bpf)))

    async def room(self) -> None:
        """Wait while orders wait to be sent: each has its descriptors twice until then. First come, first served."""
        async with self._gate:
            while self._backlog:
                self._emptied = asyncio.get_running_loop().create_future()
                await self._emptied

    def launch(self, spec: ContainerSpec, descriptors: tuple[int, ...]) -> Container:
        """Ask for a container; ``descriptors`` stay the caller's: 0, 1 and 2 of its command, its disk, its mounts, its network.

        What goes wrong on the way is the container's failure. Raises ``OSError`` (EMFILE) only where there is no socket for it.
        """
        ours, theirs = sockets.pair()
        number, self._next_id = self._next_id, self._next_id + 1
        container = Container(number, ours, self._over, monitored=not spec.init)
        self._containers[number] = container
        assert self._manager is not None, "not started"
        assert self._host is not None, "not started"
        step = "open log to the container"
        try:
            _hand_over(descriptors[1:3], self._host.id_base)
            step = "make cgroup"
            container.group = self._manager.acquire(spec.limits)
            step = "find image"
            container.program = program.program(spec, self._host, container.group)
            step = "send order"
            self._order(spec, container, container.group, theirs.fileno(), descriptors)
        except OSError as error:
            asyncio.get_running_loop().call_soon(container.fail, Failure(step, *wire.told(error)))
        except BaseException:  # for the caller, who will not get a container to wait for
            container.fail(Failure(step, "not sent"))
            raise
        finally:
            theirs.close()
        return container

    def give_up(self) -> None:
        """The zygote does not do what it was asked for: kill it, and with it all containers; ``alive`` is False then."""
        if self._process is not None:
            self._process.kill()
        if self._socket is not None:
            self._hang_up()

    async def close(self) -> None:
        """Kill what still runs, end the zygote and remove the groups; may be called twice."""
        for container in self._containers.values():
            container.kill()
        await asyncio.gather(*(container.ended for container in self._containers.values()))
        if self._socket is not None:
            self._hang_up()
        loop = asyncio.get_running_loop()
        process, self._process = self._process, None
        if process is not None:
            try:
                await loop.run_in_executor(None, process.wait, _FAREWELL_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for fd in self._userns_fds:
            os.close(fd)
        self._userns_fds = ()
        manager, self._manager = self._manager, None
        if manager is not None:
            await loop.run_in_executor(None, manager.close)

    def _order(
        self, spec: ContainerSpec, container: Container, group: Group, control: int, descriptors: tuple[int, ...]
    ) -> None:
        command = (
            spec.argv,
            dict(spec.environment),
            spec.working_directory,
            spec.terminal,
            spec.identity,
            spec.keep_root,
            spec.direct,
        )
        data, calls, parts = words.joined(container.program, self._data_address)
        order = marshal.dumps((parts, command, _stay(spec), spec.freeze))
        sent = (control, *descriptors)
        cgroup_fd = -1
        if group.v2_fd >= 0:
            cgroup_fd = numbers.CONTROL + len(sent)
            sent = (*sent, group.v2_fd)
        given = spec.network is Network.HOST or spec.joins
        head = wire.HEAD.pack(container.number, cgroup_fd, given, not spec.init, len(data), len(calls))
        message = head + data + calls + order
        if len(sent) > sockets.MOST_DESCRIPTORS:
            raise KernelError("sendmsg", errno.E2BIG, (f"{len(sent)} descriptors",), "the job has too many mounts")
        if len(message) >= wire.MOST_BYTES:
            raise KernelError(
                "execve", errno.E2BIG, (f"{len(message)} bytes",), "the script and its environment are too large"
            )
        self._send(wire.LAUNCH, message, sent, container)

    def _start_process(self) -> None:
        ours, theirs = sockets.pair()
        for end in (ours, theirs):
            end.setsockopt(sockets.SOL_SOCKET, sockets.SO_SNDBUFFORCE, 2 * wire.MOST_BYTES)
        folder = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        code = f"import sys; sys.path.insert(0, {folder!r}); from farm.launcher.zygote import main; main()"
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", code],
            stdin=theirs.fileno(),
            stdout=subprocess.DEVNULL,
            env=_ENVIRONMENT,
            cwd="/",
            start_new_session=True,  # Ctrl-C in the terminal is the orchestrator's to act on
        )
        theirs.close()
        ours.setblocking(False)
        self._socket = ours
        asyncio.get_running_loop().add_reader(ours.fileno(), self._receive)

    def _over(self, container: Container) -> None:
        """A container has ended: its group is free."""
        self._containers.pop(container.number, None)
        if self._manager is None or container.group is None:
            return
        self._manager.release(container.group)
        if not self._sweeps_left:
            asyncio.get_running_loop().call_later(_SWEEP_S, self._sweep)
        self._sweeps_left = _SWEEPS

    def _sweep(self) -> None:
        if self._manager is None:
            self._sweeps_left = 0
            return
        self._manager.sweep()
        self._sweeps_left -= 1
        if self._sweeps_left:
            asyncio.get_running_loop().call_later(_SWEEP_S, self._sweep)

    def _send(
        self, op: int, data: bytes, descriptors: tuple[int, ...] = (), container: Container | None = None
    ) -> None:
        """Send a message, now or as soon as the socket takes it. To a dead zygote: nothing happens."""
        if self._socket is None:
            return
        data = bytes((op,)) + data
        if self._backlog or not self._try_send(data, descriptors):
            self._backlog.append((data, _copies(descriptors), container))
            asyncio.get_running_loop().add_writer(self._socket.fileno(), self._flush)

    def _try_send(self, data: bytes, descriptors: tuple[int, ...]) -> bool:
        assert self._socket is not None
        try:
            sockets.send(self._socket, data, descriptors)
        except BlockingIOError:
            return False
        except (BrokenPipeError, ConnectionResetError):
            self._hang_up()
        return True

    def _flush(self) -> None:
        while self._backlog and self._socket is not None:
            data, descriptors, container = self._backlog[0]
            try:
                if not self._try_send(data, descriptors):
                    return
            except OSError as error:  # it can never be sent, and must not keep the others
                if container is not None:
                    container.fail(Failure("send order", *wire.told(error)))
            if not self._backlog:
                return  # the zygote is gone, and they are closed
            self._backlog.pop(0)
            for fd in descriptors:
                os.close(fd)
        if self._socket is not None:
            asyncio.get_running_loop().remove_writer(self._socket.fileno())
        self._let_in()

    def _let_in(self) -> None:
        """Nothing waits to be sent any more."""
        if self._emptied is not None and not self._emptied.done():
            self._emptied.set_result(None)

    def _receive(self) -> None:
        while self._socket is not None:
            try:
                data, descriptors = sockets.receive(self._socket, _MESSAGE_BYTES)
            except BlockingIOError:
                return
            except ConnectionResetError:
                data, descriptors = b"", ()
            if not data:
                self._hang_up()
                return
            self._handle(data.decode(errors="replace").split("\0"), descriptors)

    def _handle(self, message: list[str], descriptors: tuple[int, ...]) -> None:
        match message:
            case [wire.READY, reason, address] if self._ready is not None:
                self._userns_fds = descriptors
                self._ready.set_result((reason, int(address)))
            case [wire.UNREADY, text, _, hint] if self._ready is not None:
                self._ready.set_exception(_unfit("prepare the zygote's root", text, hint))
            case [wire.BORN, number]:
                self._born(int(number), descriptors)
            case [wire.STILLBORN, number, text, code, hint] if int(number) in self._containers:
                self._containers[int(number)].fail(Failure("clone3", text, int(code), hint))

    def _born(self, number: int, descriptors: tuple[int, ...]) -> None:
        container = self._containers.get(number)
        if container is None:  # given up meanwhile
            for pidfd in descriptors:
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(pidfd, signal.SIGKILL)
                os.close(pidfd)
        elif descriptors:
            container.born(descriptors[0])
        else:
            message = "no descriptor of PID 1 came: this process has as many as it may have"
            container.born_unseen(Failure("receive pidfd", message, errno.EMFILE, "raise ulimit -n"))

    def _hang_up(self) -> None:
        """The zygote is gone or no longer wanted: what it was asked for and has not made will never be."""
        assert self._socket is not None
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._socket.fileno())
        loop.remove_writer(self._socket.fileno())
        self._socket.close()
        self._socket = None
        for _, descriptors, _ in self._backlog:
            for fd in descriptors:
                os.close(fd)
        self._backlog.clear()
        self._let_in()
        if self._ready is not None and not self._ready.done():
            self._ready.set_exception(
                FarmError("the zygote ended before it was ready", "", "look above for its last words")
            )
        lost = Failure("zygote", "the process that makes containers ended, and every container with it")
        for container in tuple(self._containers.values()):
            container.kill()  # the parent-death signal does not reach one that is still setting up
            container.fail(lost)


def _hand_over(descriptors: tuple[int, ...], owner: int) -> None:
    """Let the container's users open /dev/stdout: a pipe has an inode with an owner like any file."""
    for fd in set(descriptors):
        if stat.S_ISFIFO(os.fstat(fd).st_mode):  # of anything else (/dev/null) the owner is the host's affair
            os.fchown(fd, owner, owner)
            os.fchmod(fd, 0o666)


def _copies(descriptors: tuple[int, ...]) -> tuple[int, ...]:
    """Descriptors of the same; none where not all can be had (EMFILE)."""
    made: list[int] = []
    try:
        made += map(os.dup, descriptors)
    except OSError:
        for fd in made:
            os.close(fd)
        raise
    return tuple(made)


def _stay(spec: ContainerSpec) -> bool | None:
    """Whether PID 1 stays when the command has ended; None where it is the command."""
    return spec.hold if spec.init else None


def _unfit(step: str, detail: str, remedy: str) -> FarmError:
    return FarmError("this host cannot run containers", f"{step}: {detail}", remedy)
