"""A whole ``farm`` as its user starts it: a process of its own, its folder and its reports in a scratch folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tarfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from farm.journal.queries import read
from farm.model.outcome import Outcome
from farm.model.run import RunRecord
from tests.processes import running

ROOT = Path(__file__).resolve().parents[2]

# A shell's background job starts with SIGINT ignored, and what it starts inherits that; the farm rightly keeps it so.
_START = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from farm.__main__ import main; main()"
)


class Farm:
    """Starts ``farm`` in ``folder``; ``distro`` is what a matrix of these tests writes into its list of distros."""

    def __init__(self, folder: Path, home: Path, distro: str, slowdown: float) -> None:
        self.folder = folder
        self.home = home
        self.distro = distro
        self.slowdown = slowdown
        self._started: list[subprocess.Popen[str]] = []

    def write(self, jobs: str, name: str = "matrix.yaml", *, distros: str = "") -> Path:
        """A matrix file with ``jobs``, the text below that key."""
        path = self.folder / name
        path.write_text(f"version: 1\ndistros: [{distros or self.distro}]\njobs:\n{jobs}\n")
        return path

    def start(self, *arguments: object, home: Path | None = None, **popen: object) -> subprocess.Popen[str]:
        """``farm`` with ``arguments``, its output in pipes; killed at the end of the test if it still runs."""
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        given: dict[str, object] = {**pipes, "text": True, **popen}
        process = subprocess.Popen(
            [sys.executable, "-c", _START, *map(str, arguments)],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), "FARM_HOME": str(home or self.home)},
            **given,  # type: ignore[call-overload]
        )
        self._started.append(process)
        return process

    def run(
        self, *arguments: object, home: Path | None = None, limit_s: float = 60
    ) -> subprocess.CompletedProcess[str]:
        """``farm`` with ``arguments`` to its end; never with a traceback."""
        process = self.start(*arguments, home=home)
        out, err = process.communicate(timeout=limit_s * self.slowdown)
        assert "Traceback" not in err
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def runs(self) -> list[Path]:
        """The folders of runs, the oldest first."""
        reports = self.folder / "reports"
        return sorted(
            each for each in (reports.iterdir() if reports.exists() else ()) if each.is_dir() and not each.is_symlink()
        )

    def record(self, run: str = "latest") -> RunRecord:
        """What the journal of a run tells."""
        return read(str(self.folder / "reports" / run / "journal.sqlite"))

    def outcomes(self, run: str = "latest") -> Counter[Outcome | None]:
        """How many jobs of a run ended how."""
        return Counter(each.outcome for each in self.record(run).jobs)

    def wait(self, condition: Callable[[], bool], limit_s: float = 30) -> bool:
        """Whether ``condition`` came true in time."""
        deadline_s = time.monotonic() + limit_s * self.slowdown
        while not condition():
            if time.monotonic() > deadline_s:
                return False
            time.sleep(0.01)  # between two looks, not instead of one
        return True

    def logs_that_say(self, text: str) -> int:
        """In how many logs of jobs ``text`` stands by now."""
        return sum(text in path.read_text(errors="replace") for path in self.folder.glob("reports/*/logs/*/*.log"))

    def close(self) -> None:
        for process in self._started:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
            process.communicate()


def processes_of(command: str) -> list[psutil.Process]:
    """Living processes of this test with exactly this command line."""
    return running(command.split())


@pytest.fixture(scope="session")
def small_image(request: pytest.FixtureRequest) -> str:
    """A distro that starts fast: Alpine's root filesystem where it is at hand, else the host's own."""
    folder = Path(os.environ.get("FARM_TEST_ROOTFS") or ROOT.parent / "shared" / "rootfs")
    found = sorted(folder.glob("alpine-*.tar.gz"))
    return f"{{name: small, rootfs: {found[-1]}}}" if found else "{name: small, rootfs: host}"


@pytest.fixture(scope="session")
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A farm's folder for tests that do not mind what images are in it already."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def farm(nothing_left: None, tmp_path: Path, shared_home: Path, small_image: str, slowdown: float) -> Iterator[Farm]:
    """A farm of its own reports; the test fails if it leaves anything on the host."""
    found = Farm(tmp_path, shared_home, small_image, slowdown)
    yield found
    found.close()


@pytest.fixture
def living() -> Callable[[str], list[psutil.Process]]:
    """``processes_of``: what still runs of a command line."""
    return processes_of


@pytest.fixture
def long_archive(tmp_path: Path) -> Path:
    """An archive that takes a second to unpack and none to make: one file of 512 MiB of zeros, a hole on the disk."""
    member = tarfile.TarInfo("zeros")
    member.size = 512 << 20
    path = tmp_path / "long.tar"
    with path.open("wb") as file:
        file.write(member.tobuf())
        file.truncate(tarfile.BLOCKSIZE + member.size + 2 * tarfile.BLOCKSIZE)
    return path
