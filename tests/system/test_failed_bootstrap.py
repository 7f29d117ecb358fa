"""Bootstraps that fail in a run: told once with their log, an error of their jobs and of no others."""

from __future__ import annotations

import http.server
import re
import threading
from collections.abc import Iterator

import pytest

from farm.model.outcome import Outcome

pytestmark = pytest.mark.root


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Of a mirror on loopback that has nothing: it says so at once, where of one that is not there apt asks again for 7 s."""

    class Empty(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(404)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Empty) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/none"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def lost(address: str) -> str:
    """A distro that cannot be bootstrapped."""
    recipe = f"{{manager: apt, release: none, repositories: ['{address}'], packages: [bash]}}"
    return f"{{name: lost, sources: [{{bootstrap: {recipe}}}]}}"


def test_one_that_fails_is_shown_once_with_its_log_and_others_run(farm, lost, address):
    matrix = farm.write("  unit: {run: 'true', strategy: {matrix: {n: [1, 2, 3]}}}", distros=f"{farm.distro}, {lost}")
    done = farm.run("run", matrix)
    assert done.returncode == 6, done.stdout + done.stderr
    assert farm.outcomes() == {Outcome.ERROR: 3, Outcome.PASSED: 3}
    (log,) = (farm.folder / "reports/latest/bootstrap").iterdir()
    assert re.fullmatch(r"lost-[0-9a-f]{8}\.log", log.name)
    assert (
        done.stdout.count(f"the bootstrap of none from {address} failed") == 1 + 3 + 1
    )  # told, once a job, and in the summary
    (reason,) = {each.reason for each in farm.record().jobs if each.outcome is Outcome.ERROR}
    assert reason.endswith(f"log: bootstrap/{log.name}")
    ((kind, text),) = farm.record().notes
    assert kind == "build"
    assert log.read_text().splitlines()[-1].strip()[:40] in text
    assert list((farm.home / "staging").glob("*")) == []


def test_pull_says_what_it_printed_last(farm, tmp_path, lost, address):
    (tmp_path / "distros").mkdir()
    (tmp_path / "distros/lost.yaml").write_text(f"distros: [{lost}]")
    done = farm.run("image", "pull", "lost")
    assert done.returncode == 6
    brief, _, _, log, *last = done.stderr.splitlines()[-(4 + 5) :]
    assert brief == f"error: the bootstrap of none from {address} failed"
    assert log.startswith(f"log: {farm.home}/failed/")
    assert all(each.startswith("  ") for each in last)
