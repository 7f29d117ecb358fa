"""The unpacker from outside, while it waits for the rest of its archive: what it is, and whom it dies with."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from farm.errors import ImageError
from farm.image.limits import UnpackLimits
from farm.image.unpacking import unpack
from farm.kernel import capability, proc
from farm.kernel.userns import IdMap
from tests.kernel.image.archives import entry, packed

ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True, slots=True)
class Waiting:
    """A worker that has unpacked ``first`` and waits for more."""

    pid: int
    pipe: int
    root: Path


@contextlib.contextmanager
def _waiting(root: Path, started: int) -> Iterator[int]:
    """The pid of the process that unpacks into ``root``, child of the child of ``started``."""
    deadline_s = time.monotonic() + 60
    while not (root / "first").exists():
        assert time.monotonic() < deadline_s
        time.sleep(0.01)
    workers = [
        each.children() for each in psutil.Process(started).children() if "farm.image" in " ".join(each.cmdline())
    ]
    (inner,) = (each for group in workers for each in group)
    yield inner.pid


@pytest.fixture
def waiting(tmp_path: Path) -> Iterator[Waiting]:
    root = tmp_path / "root"
    root.mkdir()
    read_end, write_end = os.pipe()
    # The end of what was sent has to leave the worker's buffer: a whole chunk of it.
    os.write(write_end, packed([entry("first", b"x")])[:1024])
    said: list[ImageError] = []

    def work() -> None:
        try:
            unpack(read_end, "test", str(root), IdMap(0x70000000), UnpackLimits(), lambda: False)
        except ImageError as error:
            said.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        with _waiting(root, os.getpid()) as pid:
            yield Waiting(pid, write_end, root)
    finally:
        os.close(write_end)
        thread.join()
        os.close(read_end)
    assert said


def _status(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def test_it_has_no_more_than_unpacking_takes(waiting):
    status = _status(waiting.pid)
    most = capability.mask({"CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID"})
    for kind in ("CapEff", "CapPrm", "CapBnd"):
        assert int(status[kind], 16) == most
    assert int(status["CapInh"], 16) == int(status["CapAmb"], 16) == 0
    assert status["NoNewPrivs"] == "1"
    assert status["Uid"].split() == [str(0x70000000)] * 4


def test_it_is_alone_in_its_namespaces(waiting):
    for kind in ("user", "mnt", "net", "ipc", "uts", "pid"):
        assert os.readlink(f"/proc/{waiting.pid}/ns/{kind}") != os.readlink(f"/proc/self/ns/{kind}"), kind
    assert len(proc.mounts(waiting.pid)) == 1
    links = Path(f"/proc/{waiting.pid}/net/dev").read_text().splitlines()[2:]
    assert [each.split(":")[0].strip() for each in links] == ["lo"]
    assert Path(f"/proc/{waiting.pid}/net/route").read_text() == ""  # not even loopback is up


def test_it_sees_nothing_but_its_staging(waiting):
    assert Path(f"/proc/{waiting.pid}/root").samefile(waiting.root)
    assert os.listdir(f"/proc/{waiting.pid}/root/") == ["first"]
    targets = [os.readlink(each) for each in Path(f"/proc/{waiting.pid}/fd").iterdir()]
    assert all(each.startswith(("/dev/null", "pipe:", "/")) for each in targets)
    assert not [each for each in targets if each.startswith("/") and each not in ("/dev/null", "/")]


def test_its_memory_is_limited(waiting):
    assert psutil.Process(waiting.pid).rlimit(psutil.RLIMIT_AS) == (UnpackLimits().memory_bytes,) * 2
    assert psutil.Process(waiting.pid).rlimit(psutil.RLIMIT_CORE) == (0, 0)


@pytest.mark.timeout(60)
def test_stopping_gives_the_import_up(tmp_path):
    read_end, write_end = os.pipe()
    with pytest.raises(ImageError, match="given up"):
        unpack(read_end, "test", str(tmp_path), IdMap(0x70000000), UnpackLimits(), lambda: True)
    os.close(read_end)
    os.close(write_end)


_IMPORTER = """
import os
import sys
from farm.image.limits import UnpackLimits
from farm.image.unpacking import unpack
from farm.kernel.userns import IdMap
unpack(os.dup(0), "test", sys.argv[1], IdMap(0x70000000), UnpackLimits(), lambda: False)
"""


@pytest.mark.timeout(60)
def test_it_dies_with_whoever_started_it(tmp_path):
    importer = subprocess.Popen(
        [sys.executable, "-c", _IMPORTER, str(tmp_path)],
        stdin=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert importer.stdin is not None
    importer.stdin.write(packed([entry("first", b"x")])[:1024])
    importer.stdin.flush()
    with _waiting(tmp_path, importer.pid) as pid:
        worker = os.pidfd_open(pid)
        importer.send_signal(signal.SIGKILL)
        assert select.select([worker], [], [], 30)[0]
        os.close(worker)
    importer.wait()
    importer.stdin.close()
