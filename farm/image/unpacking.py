"""Starts the locked-in worker on an archive, waits for it and believes nothing it says beyond a few numbers."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import TypeAlias

from farm.errors import DiskError, GivenUpError, ImageError
from farm.image.limits import (
    FAILED,
    MEMBERS_VARIABLE,
    SIZE_VARIABLE,
    TOO_LARGE,
    UNPACKED,
    UNPACKING_FAILED,
    UnpackLimits,
)
from farm.kernel.userns import IdMap
from farm.values import dataclass

_CODE = """
import sys
_, archive, base, parent, layer, *rest = sys.argv
limits, sys.path[:] = rest[:6], rest[6:]
from farm.image.limits import UnpackLimits
from farm.image.worker import main
main(int(archive), int(base), UnpackLimits(*map(int, limits)), int(parent), layer=bool(int(layer)))
"""
_HERE = os.path.dirname(
    os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
)  # an editable install is on no path
_LOOK_S = 0.02
_MOST_SAID_BYTES = 1 << 16

Stopped: TypeAlias = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Unpacked:
    """What came of an archive; ``dropped`` is (kind, how many), ``confined`` as what the worker ran."""

    members: int
    size_bytes: int
    dropped: tuple[tuple[str, int], ...]
    confined: str


class Worker:
    """A worker on one archive: see ``started``."""

    def __init__(self, process: subprocess.Popen[bytes], timeout_s: float) -> None:
        self._process = process
        self._timeout_s = timeout_s

    def unpack(self, source: str, root: str, stopped: Stopped) -> Unpacked:
        """Unpack the archive, called ``source`` in messages, into the empty folder ``root``; once.

        ``ImageError`` where the archive is not what it should be, a limit is passed, or ``stopped``, which is asked on this
        thread again and again, says so; ``root`` then holds rubbish.
        """
        said, errors = self._heard(source, root, stopped)
        result = _result(said)
        if result is not None:
            return result
        brief, detail = _error(said, errors, self._process.returncode)
        remedy = _REMEDIES.get(brief, _REMEDY)
        kind = DiskError if brief == UNPACKING_FAILED else ImageError
        raise kind(f"cannot unpack {source}", f"{brief}: {detail}" if detail else brief, remedy)

    def _heard(self, source: str, root: str, stopped: Stopped) -> tuple[bytes, bytes]:
        """What it wrote to its two outputs, once it has ended."""
        deadline_s = time.monotonic() + self._timeout_s
        self._tell(root)
        while True:
            try:
                return self._process.communicate(timeout=_LOOK_S)
            except subprocess.TimeoutExpired:
                if stopped():
                    raise GivenUpError(source) from None
                if time.monotonic() > deadline_s:
                    raise ImageError(
                        f"cannot unpack {source}", f"it took longer than {self._timeout_s:g} s", _REMEDY
                    ) from None

    def _tell(self, root: str) -> None:
        # Not by communicate(): where its time is up before it has written, it never does.
        told, self._process.stdin = self._process.stdin, None
        if told is not None:
            with contextlib.suppress(BrokenPipeError), told:
                told.write(os.fsencode(root))


def unpack(
    archive_fd: int,
    source: str,
    root: str,
    id_map: IdMap | None,
    limits: UnpackLimits,
    stopped: Stopped,
    *,
    layer: bool = False,
) -> Unpacked:
    """Unpack the archive that ``archive_fd`` reads as ``Worker.unpack`` does, with a worker that starts now."""
    with started(archive_fd, id_map, limits, layer=layer) as worker:
        return worker.unpack(source, root, stopped)


@contextlib.contextmanager
def started(archive_fd: int, id_map: IdMap | None, limits: UnpackLimits, *, layer: bool = False) -> Iterator[Worker]:
    """A worker on the archive that ``archive_fd`` reads from where it is by then; the worker ends with the block.

    Its start takes a hundredth of a second or two, while there may be other things to do: it does not touch the archive before
    it is told to unpack it. With ``layer`` that is a layer of an OCI image, to be unpacked over what those below it made.
    """
    numbers = map(str, limits.numbers())
    base = str(id_map.base if id_map is not None else 0)
    given = [str(archive_fd), base, str(os.getpid()), str(int(layer)), *numbers]
    command = [sys.executable, "-I", "-S", "-c", _CODE, *given]
    with subprocess.Popen(
        [*command, _HERE, *sys.path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=(archive_fd,),
        env={},
    ) as process:
        try:
            yield Worker(process, limits.timeout_s)
        finally:
            if process.returncode is None:
                # Its child goes with it, but in its own time: whoever holds the pipes may still write below the root.
                process.kill()
                process.communicate()


_REMEDIES = {
    TOO_LARGE: f"if it has to be that large, set {MEMBERS_VARIABLE} or {SIZE_VARIABLE} in the environment",
    UNPACKING_FAILED: "look at the space that is left in FARM_HOME",
}
_REMEDY = "it has to be a whole tar archive of a root filesystem; docs/images.md says what is refused"


def _result(said: bytes) -> Unpacked | None:
    if len(said) > _MOST_SAID_BYTES:
        return None
    try:
        op, members, size_bytes, confined, *dropped = said.decode().split("\0")
        counted = (each.rsplit(" ", 1) for each in dropped)
        kinds = tuple(sorted((kind[:40], int(count)) for kind, count in counted))
        return Unpacked(int(members), int(size_bytes), kinds, confined[:40]) if op == UNPACKED else None
    except ValueError:
        return None


def _error(said: bytes, errors: bytes, status: int) -> tuple[str, str]:
    with contextlib.suppress(ValueError):
        op, brief, detail = said[:_MOST_SAID_BYTES].decode(errors="replace").split("\0")
        if op == FAILED:
            return brief, detail
    last = errors[-2000:].decode(errors="replace").strip().rpartition("\n")[2]
    return "the unpacker died", last or (f"signal {-status}" if status < 0 else f"exit {status}")
