"""Captures what a command prints: a pipe, a file, a cap."""

from __future__ import annotations

import asyncio
import os

_CHUNK_BYTES = 1 << 16
_CHUNKS_A_TURN = 16  # so that one container's flood leaves the loop to the others


class LogCapture:
    """Reads a pipe into the file ``path``, which it makes, folders included; keeps the first ``cap_bytes``, counts the rest.

    Owns the pipe's read end and the file. ``write_fd`` is the pipe's other end, for the container: hand it over, then
    ``close_write``. What comes past the cap, or when the disk is full, is read and thrown away, so that the command neither
    blocks nor gets SIGPIPE.
    """

    __slots__ = ("_cap_bytes", "_done", "_error", "_file", "_loop", "_read_fd", "kept_bytes", "lost_bytes", "write_fd")

    def __init__(self, path: str, cap_bytes: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._cap_bytes = cap_bytes
        self.kept_bytes = 0
        self.lost_bytes = 0
        _make_folder(os.path.dirname(path))
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
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

    def flush(self) -> None:
        """Take in what was printed until now."""
        if self._read_fd >= 0:
            self._read()

    def note(self, text: str) -> None:
        """A line of the farm's own, after all that was printed until now; also past the cap, for there are few."""
        if self._read_fd < 0:
            return  # it is closed
        self._read()
        self._write(f"[farm: {text}]\n".encode(errors="replace"))

    async def finish(self) -> None:
        """Read to the end, which comes when every process of the container is gone, and close the file.

        Raises ``OSError`` (ENOSPC) where the file could not be written whole.
        """
        try:
            self._read()
            await self._done
            if self._error is not None:
                raise self._error
            if self.lost_bytes:
                mark = f"\n[farm: log truncated after {self.kept_bytes} bytes, {self.lost_bytes} more were dropped]\n"
                os.write(self._file, mark.encode())
        finally:
            self.close()

    def close(self) -> None:
        """Let go of everything, read or not; may be called twice."""
        self.close_write()
        if self._read_fd >= 0:
            self._loop.remove_reader(self._read_fd)
            os.close(self._read_fd)
            os.close(self._file)
            self._read_fd = -1

    def _read(self) -> None:
        try:
            for _ in range(_CHUNKS_A_TURN):
                if self._done.done():
                    return
                data = os.read(self._read_fd, _CHUNK_BYTES)
                if not data:
                    self._loop.remove_reader(self._read_fd)
                    self._done.set_result(None)
                else:
                    self._keep(data)
        except BlockingIOError:
            pass

    def _keep(self, data: bytes) -> None:
        room = self._cap_bytes - self.kept_bytes if self._error is None else 0
        kept = data[:room] if room > 0 else b""
        self.lost_bytes += len(data) - len(kept)
        self._write(kept)

    def _write(self, data: bytes) -> None:
        try:
            while data:
                written = os.write(self._file, data)
                self.kept_bytes += written
                data = data[written:]
        except OSError as error:
            self._error = error


def _make_folder(path: str) -> None:
    """``os.makedirs`` looks at every parent first; here there is one but for the first log of a run."""
    try:
        os.mkdir(path)
    except FileExistsError:
        pass
    except FileNotFoundError:
        os.makedirs(path, exist_ok=True)
