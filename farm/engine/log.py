"""Captures what a command prints: a pipe, a file, a cap, and its secrets covered."""

from __future__ import annotations

import asyncio
import errno
import os

from farm.engine.mask import Mask

_CHUNK_BYTES = 1 << 16
_ROOM_BYTES = 1 << 20
_TURNS = 256  # whoever should have ended may still print, and must not keep the loop to itself
_PATIENCE_S = 0.05
_CHUNKS_A_TURN = 16  # so that one container's flood leaves the loop to the others


class LogCapture:
    """Reads a pipe into the file ``path``, which it makes, folders included; keeps the first ``cap_bytes``, counts the rest.

    Owns the pipe's read end; the file is open only while something is written, for thousands of logs say nothing for long,
    and what one process may have open is limited. Where that is used up what came waits, and the pipe is not read
    meanwhile. ``write_fd`` is the pipe's other end, for the container: hand it over, then ``close_write``. What comes past
    the cap, or when the disk is full, is read and thrown away, so that the command neither blocks nor gets SIGPIPE. What
    ``mask`` covers never reaches the file. ``heard_s`` is when something came last, on the loop's clock.
    """

    __slots__ = (
        "_cap_bytes",
        "_done",
        "_ends_line",
        "_error",
        "_loop",
        "_lost_since",
        "_read_fd",
        "_unwritten",
        "heard_s",
        "kept_bytes",
        "lost_bytes",
        "mask",
        "path",
        "write_fd",
    )

    def __init__(self, path: str, cap_bytes: int, mask: Mask | None = None) -> None:
        self.path = path
        self._loop = asyncio.get_running_loop()
        self._cap_bytes = cap_bytes
        self.mask = mask
        self._ends_line = True
        self._lost_since = 0
        self.heard_s = 0.0
        self.kept_bytes = 0
        self.lost_bytes = 0
        _make_folder(os.path.dirname(path))
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644))
        self._unwritten = b""
        self._read_fd, self.write_fd = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self._read_fd, False)
        self._error: OSError | None = None
        self._done: asyncio.Future[None] = self._loop.create_future()
        self._loop.add_reader(self._read_fd, self._read)

    def close_write(self) -> None:
        """Give up this process's copy of the write end."""
        if self.write_fd >= 0:
            os.close(self.write_fd)
            self.write_fd = -1

    def note(self, text: str) -> None:
        """A line of the farm's own, after all that was printed until now; also past the cap, for there are few."""
        if self._read_fd < 0:
            return  # it is closed
        self.drain()
        self._mark_lost()
        text = text if self.mask is None else self.mask.text(text)
        self._write((b"" if self._ends_line else b"\n") + f"[farm: {text}]\n".encode(errors="replace"))

    def drain(self) -> None:
        """Take in what has been printed until now, when whoever printed has ended."""
        for _ in range(_TURNS):
            if not self._read():
                break
        if self.mask is not None:
            self._keep(self.mask.flush())

    def quiet_s(self, since_s: float) -> float:
        """For how long nothing has come, at most since ``since_s`` on the loop's clock; what waits to be read counts."""
        self._read()
        return self._loop.time() - max(self.heard_s, since_s)

    def make_room(self) -> None:
        """Let there be room for another command's output, whatever the one before has used up."""
        self._cap_bytes = max(self._cap_bytes, self.kept_bytes + _ROOM_BYTES)

    def cut(self) -> None:
        """What has been printed until now is all: who could print more is stopped, and may hold the pipe for hours."""
        self.close_write()
        self.drain()
        if not self._done.done():
            self._loop.remove_reader(self._read_fd)
            self._done.set_result(None)

    async def finish(self) -> None:
        """Read to the end, which comes when every process of the container is gone.

        Raises ``OSError`` (ENOSPC) where the file could not be written whole.
        """
        self._read()
        await self._done
        if self.mask is not None:
            self._keep(self.mask.flush())
        self._mark_lost()
        while self._unwritten:
            await asyncio.sleep(_PATIENCE_S)
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        """Let go of everything, read or not; may be called twice."""
        self.close_write()
        if self._read_fd >= 0:
            # Always: who waited for the end may have been cancelled, and the end with it, while the loop goes on listening.
            self._loop.remove_reader(self._read_fd)
            os.close(self._read_fd)
            self._read_fd = -1

    def _read(self) -> bool:
        """Take in what is there, a good piece at most; False where there is no more now."""
        chunks: list[bytes] = []
        ended = more = False
        try:
            while len(chunks) < _CHUNKS_A_TURN and not self._done.done() and not self._unwritten:
                data = os.read(self._read_fd, _CHUNK_BYTES)
                if not data:
                    ended = True
                    break
                chunks.append(data)
                more = len(chunks) == _CHUNKS_A_TURN
        except BlockingIOError:
            pass
        if chunks:
            data = b"".join(chunks)
            self.heard_s = self._loop.time()
            self._keep(data if self.mask is None else self.mask.feed(data))
        if ended:
            self._loop.remove_reader(self._read_fd)
            self._done.set_result(None)
        return more

    def _mark_lost(self) -> None:
        lost, self._lost_since = self.lost_bytes - self._lost_since, self.lost_bytes
        if lost and self._error is None:
            mark = f"\n[farm: log truncated after {self.kept_bytes} bytes, {lost} more were dropped]\n"
            kept = self.kept_bytes
            self._write(mark.encode())
            self.kept_bytes = kept

    def _keep(self, data: bytes) -> None:
        room = self._cap_bytes - self.kept_bytes if self._error is None else 0
        kept = data[:room] if room > 0 else b""
        self.lost_bytes += len(data) - len(kept)
        self._write(kept)

    def _write(self, data: bytes) -> None:
        if data:
            self._ends_line = data.endswith(b"\n")
        data = self._unwritten + data
        self._unwritten = b""
        if not data or self._error is not None:
            return
        try:
            file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
            try:
                while data:
                    written = os.write(file, data)
                    self.kept_bytes += written
                    data = data[written:]
            finally:
                os.close(file)
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE):
                self._unwritten = data
                self._wait()
            else:
                self._error = error

    def _wait(self) -> None:
        """No file can be opened now: leave what comes in the pipe for a moment."""
        if self._read_fd >= 0 and not self._done.done():
            self._loop.remove_reader(self._read_fd)
        self._loop.call_later(_PATIENCE_S, self._go_on)

    def _go_on(self) -> None:
        self._write(b"")
        if not self._unwritten and self._read_fd >= 0 and not self._done.done():
            self._loop.add_reader(self._read_fd, self._read)


def _make_folder(path: str) -> None:
    """``os.makedirs`` looks at every parent first; here there is one but for the first log of a run."""
    try:
        os.mkdir(path)
    except FileExistsError:
        pass
    except FileNotFoundError:
        os.makedirs(path, exist_ok=True)
