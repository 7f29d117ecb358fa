"""Starts the locked-in worker on an archive, waits for it and believes nothing it says beyond a few numbers."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
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

_CODE = """
import sys
_, archive, root, base, parent, layer, *rest = sys.argv
limits, sys.path[:] = rest[:6], rest[6:]
from farm.image.limits import UnpackLimits
from farm.image.worker import main
main(int(archive), root, int(base), UnpackLimits(*map(int, limits)), int(parent), layer=bool(int(layer)))
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
    """Unpack the archive that ``archive_fd`` reads, called ``source`` in messages, into the empty folder ``root``.

    With ``layer`` it is a layer of an OCI image, and ``root`` holds what the layers below it made.
    On return it is on the disk. ``ImageError`` where the archive is not what it should be, a limit is passed, or ``stopped``,
    which is asked on this thread again and again, says so; ``root`` then holds rubbish.
    """
    with _started(archive_fd, root, id_map, limits, layer=layer) as process:
        said, errors = _heard(process, source, limits, stopped)
    result = _result(said)
    if result is not None:
        return result
    brief, detail = _error(said, errors, process.returncode)
    remedy = _REMEDIES.get(brief, _REMEDY)
    kind = DiskError if brief == UNPACKING_FAILED else ImageError
    raise kind(f"cannot unpack {source}", f"{brief}: {detail}" if detail else brief, remedy)


_REMEDIES = {
    TOO_LARGE: f"if it has to be that large, set {MEMBERS_VARIABLE} or {SIZE_VARIABLE} in the environment",
    UNPACKING_FAILED: "look at the space that is left in FARM_HOME",
}
_REMEDY = "it has to be a whole tar archive of a root filesystem; docs/images.md says what is refused"


@contextlib.contextmanager
def _started(
    archive_fd: int, root: str, id_map: IdMap | None, limits: UnpackLimits, *, layer: bool
) -> Iterator[subprocess.Popen[bytes]]:
    numbers = map(str, limits.numbers())
    base = str(id_map.base if id_map is not None else 0)
    given = [str(archive_fd), root, base, str(os.getpid()), str(int(layer)), *numbers]
    command = [sys.executable, "-I", "-S", "-c", _CODE, *given]
    with subprocess.Popen(
        [*command, _HERE, *sys.path],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=(archive_fd,),
        env={},
    ) as process:
        try:
            yield process
        finally:
            if process.returncode is None:
                # Its child goes with it, but in its own time: whoever holds the pipes may still write below ``root``.
                process.kill()
                process.communicate()


def _heard(
    process: subprocess.Popen[bytes], source: str, limits: UnpackLimits, stopped: Stopped
) -> tuple[bytes, bytes]:
    """What it wrote to its two outputs, once it has ended."""
    deadline_s = time.monotonic() + limits.timeout_s
    while True:
        try:
            return process.communicate(timeout=_LOOK_S)
        except subprocess.TimeoutExpired:
            if stopped():
                raise GivenUpError(source) from None
            if time.monotonic() > deadline_s:
                raise ImageError(
                    f"cannot unpack {source}", f"it took longer than {limits.timeout_s:g} s", _REMEDY
                ) from None


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
