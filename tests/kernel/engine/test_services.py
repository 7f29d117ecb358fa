"""``services``: there before the job's command, in its network, gone with it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from farm.cgroup import detect
from farm.engine import network, services
from farm.engine.local import LocalEngine
from farm.image.facts import read_facts
from farm.kernel.userns import IdMap
from farm.model.build import Network
from farm.model.distro import Image, Overlay
from farm.model.job import Attempt, Job
from farm.model.limits import Limits
from farm.model.outcome import Outcome
from farm.model.ports import Work
from farm.model.service import Healthcheck, Service
from tests.kernel.engine.conftest import make_job
from tests.kernel.engine.live import zygote_of
from tests.kernel.world import HOST, OUTSIDE, http_server, name_server, world
from tests.processes import running

ROOT = Path(__file__).resolve().parents[3]
RUN = f"services-{os.getpid()}"
SLEEPER = ["sleep", "4713"]
SERVE = "mkdir /www; echo content > /www/index.html; exec busybox httpd -f -p 8000 -h /www"
GET = r"""
get() {
    exec 3<>/dev/tcp/$1/$2
    printf 'GET / HTTP/1.0\r\n\r\n' >&3
    sed '1,/^\r$/d' <&3
}
"""
"""What bash has in place of wget, which the image does not."""
HEALTHY = "busybox wget -q -O /dev/null http://127.0.0.1:8000/"


def image_of(rootfs: str) -> Image:
    return Image("0" * 64, rootfs, (Overlay("/", (rootfs,)),), read_facts(rootfs))


def argv(script: str) -> tuple[str, ...]:
    return ("sh", "-e", "-c", script)


def check(script: str = HEALTHY, **fields: float) -> Healthcheck:
    return Healthcheck(argv(script), **{"interval_s": 0.05, **fields})  # type: ignore[arg-type]


def service(script: str = SERVE, name: str = "web", distro: str = "busybox-musl", **fields: object) -> Service:
    return Service(name, distro, argv(script), script, **fields)  # type: ignore[arg-type]


Ran = tuple[Attempt, str, Callable[[str], str]]


@pytest.fixture
def run_with(unpacked, tmp_path, monkeypatch):
    """Run a job (on Ubuntu 12.04 where not said) with its services: its attempt, its log, and the log of a service."""
    monkeypatch.setattr(network, "RESOLV_CONF", str(tmp_path / "resolv.conf"))
    (tmp_path / "resolv.conf").write_text(f"nameserver {OUTSIDE}\n")

    def run(job: Job, distro: str = "ubuntu-12.04", when: Callable[[LocalEngine], object] | None = None) -> Ran:
        rootfs = {name: unpacked(name) for name in {distro, *(each.distro for each in job.services)}}
        images = {name: image_of(path) for name, path in rootfs.items()}

        async def go() -> Attempt:
            engine = LocalEngine(RUN, str(tmp_path), tuple(rootfs.values()), IdMap(0x70000000), grace_s=1.0)
            await engine.start()
            try:
                running = asyncio.ensure_future(engine.run(Work(job, images[distro], 1, images)))
                if when is not None:
                    await when(engine)  # type: ignore[misc]
                return await running
            finally:
                await engine.close()

        attempt = asyncio.run(go())
        folder = tmp_path / "logs" / job.id.replace("/", "@")
        log = (folder / "1.log").read_text()
        return attempt, log, lambda name: (folder / f"1.{name}.log").read_text()

    return run


@pytest.fixture
def sleepers():
    def found() -> int:
        return len(running(SLEEPER))

    assert found() == 0
    return found


@pytest.mark.parametrize("kind", list(Network))
def test_a_web_server_on_another_distro_is_reached_by_its_name_and_on_localhost(run_with, kind):
    script = GET + "head -n 1 /etc/issue; get web 8000; get localhost 8000"
    with world() as made, http_server(made.outside, OUTSIDE), name_server(made.outside, OUTSIDE):
        if kind is not Network.NONE:
            script += f"; get {OUTSIDE} 80"
        job = make_job(script, argv=("bash", "-ec", script), network=kind, services=(service(healthcheck=check()),))
        attempt, log, log_of = run_with(job)
    assert attempt.outcome is Outcome.PASSED, (attempt, log, log_of("web"))
    seen = f"hello {HOST}\n" if kind is not Network.NONE else ""
    assert log.partition("\n")[2] == f"content\ncontent\n{seen}"
    assert log.startswith("Ubuntu 12.04")


def test_they_are_started_in_order_and_each_waits_for_the_one_before(run_with):
    first = service("sleep 0.3; " + SERVE, healthcheck=check())
    second = service(f"{HEALTHY} && echo saw it; exec sleep 4713", name="second")
    attempt, log, log_of = run_with(make_job("true", services=(first, second)))
    assert attempt.outcome is Outcome.PASSED, (attempt, log)
    assert log_of("second") == "saw it\n"


def test_each_has_its_own_files_processes_name_and_variables(run_with, sleepers):
    script = "hostname; env | grep -E 'FARM_(JOB|SERVICE|DISTRO)|COLOUR' | sort; echo $$; exec sleep 4713"
    job = make_job(
        "test ! -e /only-here; ps -ef | grep -c '[s]leep 4713' || true; cat /etc/hosts",
        services=(service(f"touch /only-here; {script}", name="db", env=(("COLOUR", "green"),)),),
    )
    attempt, log, log_of = run_with(job)
    assert attempt.outcome is Outcome.PASSED, (attempt, log)
    assert log_of("db").startswith(
        "db\nCOLOUR=green\nFARM_DISTRO=busybox-musl\nFARM_JOB=test/alpine-3.20\nFARM_SERVICE=db\n"
    )
    assert log.startswith("0\n")
    assert "127.0.0.1\tdb\n" in log
    assert sleepers() == 0


def test_one_that_is_never_healthy_is_an_error_with_its_last_lines(run_with, sleepers):
    script = "for n in 1 2 3; do echo line $n; done; exec sleep 4713"
    bad = service(script, name="db", healthcheck=check("echo no >&2; exit 3", retries=4))
    attempt, log, log_of = run_with(make_job("touch /ran; echo ran", services=(bad,)))
    assert (attempt.outcome, attempt.failure.step) == (Outcome.ERROR, "service db")
    assert (
        "its healthcheck was run 4 times; the last: exit status 3, it said: no; its last line: line 3" in attempt.reason
    )
    assert attempt.log_path == "logs/test@alpine-3.20/1.log"
    assert "[farm: db: line 3]" in log
    assert "ran" not in log.split()
    assert log_of("db") == "line 1\nline 2\nline 3\n"
    assert log_of("db@healthcheck") == "no\n" * 4
    assert sleepers() == 0


def test_a_check_that_hangs_is_ended_and_counts_as_one(run_with, sleepers):
    slow = check("test -e /ready || { touch /ready; exec sleep 4713; }", timeout_s=0.5)
    attempt, log, _ = run_with(make_job("true", services=(service(healthcheck=slow),)))
    assert attempt.outcome is Outcome.PASSED, (attempt, log)
    hangs = check("exec sleep 4713", timeout_s=0.1, retries=1)
    attempt, log, _ = run_with(make_job("true", services=(service(healthcheck=hangs),)))
    assert "its healthcheck was run once; the last: took longer than 0.1 s" in attempt.reason
    assert sleepers() == 0


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (service("echo oops; exit 5", healthcheck=check()), "ended before the job began; exit status 5; its last line: oops"),
        (Service("web", "busybox-musl", ("/no/such", "x"), ""), "service web: could not be started; exec: execve(/no/such)"),
        (service("head -c 100000000 /dev/zero | tail", healthcheck=check(), limits=Limits(memory_bytes=16 << 20)), "memory"),
    ],
    ids=["exits", "missing", "oom"],
)  # fmt: skip
def test_one_that_ends_before_the_job_is_an_error(run_with, bad, words):
    attempt, log, _ = run_with(make_job("echo ran", services=(bad,)))
    assert (attempt.outcome, attempt.failure.step) == (Outcome.ERROR, "service web")
    assert words in attempt.reason
    assert "ran\n" not in log


def test_a_service_without_its_image_is_an_error(run_with, unpacked, tmp_path):
    rootfs = unpacked("alpine-3.20")

    async def go():
        engine = LocalEngine(RUN, str(tmp_path), (rootfs,), IdMap(0x70000000))
        await engine.start()
        try:
            return await engine.run(Work(make_job("true", services=(service(),)), image_of(rootfs), 1))
        finally:
            await engine.close()

    attempt = asyncio.run(go())
    assert (attempt.outcome, attempt.failure.step) == (Outcome.ERROR, "service web")
    assert "busybox-musl" in attempt.reason


def test_one_that_dies_later_does_not_end_the_job_and_its_log_says_so(run_with):
    dying = service("nc -l -p 8000; exit 7", name="db", healthcheck=check("true"))
    script = "echo begin; until (exec 3<>/dev/tcp/db/8000) 2>/dev/null; do sleep 0.05; done; sleep 1; echo end"
    attempt, log, _ = run_with(make_job(script, argv=("bash", "-ec", script), services=(dying,)))
    assert attempt.outcome is Outcome.PASSED, (attempt, log)
    assert log == "begin\n[farm: the service db ended while the job ran: exit status 7]\nend\n"


def test_cancel_while_a_service_gets_ready(run_with, sleepers):
    stuck = service("echo up; exec sleep 4713", healthcheck=check("false", retries=10000))

    async def cancel(engine: LocalEngine) -> None:
        while not sleepers():
            await asyncio.sleep(0.01)  # between two looks
        engine.cancel("test/alpine-3.20")

    attempt, log, _ = run_with(make_job("sleep 4713", services=(stuck,)), when=cancel)
    assert attempt.outcome is Outcome.CANCELLED, (attempt, log)
    assert sleepers() == 0


@pytest.mark.parametrize("how", ["cancel", "timeout"])
def test_they_go_with_a_job_that_is_ended(run_with, sleepers, how):
    async def cancel(engine: LocalEngine) -> None:
        while how == "cancel" and sleepers() < 2:
            await asyncio.sleep(0.01)  # between two looks
        if how == "cancel":
            engine.cancel("test/alpine-3.20")

    job = make_job(
        "exec sleep 4713", services=(service("exec sleep 4713"),), timeout_s=0.5 if how == "timeout" else 60.0
    )
    attempt, log, _ = run_with(job, when=cancel)
    assert attempt.outcome is {"cancel": Outcome.CANCELLED, "timeout": Outcome.TIMEOUT}[how], (attempt, log)
    assert sleepers() == 0


def test_its_quota_is_its_own(run_with):
    hungry = service(
        "echo up; head -c 100000000 /dev/zero | tail >/dev/null; exec sleep 4713", limits=Limits(memory_bytes=24 << 20)
    )
    job = make_job(
        "sleep 0.5; head -c 100000000 /dev/zero > /tmp/x; echo fits",
        services=(hungry,),
        limits=Limits(memory_bytes=256 << 20),
    )
    attempt, log, _ = run_with(job)
    assert attempt.outcome is Outcome.PASSED, (attempt, log)
    assert "fits\n" in log  # and where the host is slow, a word of the end of the service after it


def test_capabilities_of_the_job_count_in_the_network_it_shares(run_with):
    script = "ip addr add 10.9.9.9/32 dev lo && wget -q -O - http://10.9.9.9:8000/; cat /proc/net/route | wc -l"
    job = make_job(script, services=(service(healthcheck=check()),), cap_add=("NET_ADMIN",))
    attempt, log, _ = run_with(job, "alpine-3.20")
    assert attempt.outcome is Outcome.PASSED, (attempt, log)
    assert log.startswith("content\n")


def test_C03_with_the_zygote_they_are_lost_and_the_next_attempt_has_them_again(run_with, sleepers):
    beside = service("exec sleep 4713")

    async def kill(engine: LocalEngine) -> None:
        while sleepers() < 2:
            await asyncio.sleep(0.01)  # between two looks
        zygote_of(psutil.Process()).kill()

    attempt, log, _ = run_with(make_job("exec sleep 4713", services=(beside,)), when=kill)
    assert (attempt.outcome, attempt.failure.step) == (Outcome.ERROR, "zygote"), (attempt, log)
    assert sleepers() == 0


def test_C03_a_zygote_that_hangs_at_a_services_start(run_with, sleepers, monkeypatch):
    monkeypatch.setattr(services, "_START_LIMIT_S", 0.5)

    async def stop(engine: LocalEngine) -> None:
        zygote_of(psutil.Process()).send_signal(signal.SIGSTOP)

    attempt, log, _ = run_with(make_job("true", services=(service("exec sleep 4713"),)), when=stop)
    assert (attempt.outcome, attempt.failure.step) == (Outcome.ERROR, "service web"), (attempt, log)
    assert "could not be started; zygote" in attempt.reason
    assert sleepers() == 0


ORCHESTRATOR = textwrap.dedent(
    """
    import asyncio, sys
    from tests.kernel.engine.test_services import *

    async def main(rootfs, folder):
        engine = LocalEngine("services-killed", folder, (rootfs,), IdMap(0x70000000))
        await engine.start()
        image = image_of(rootfs)
        beside = service("exec sleep 4713", distro="x")
        jobs = [make_job("exec sleep 4713", id=f"sleep/{n}", services=(beside,)) for n in range(3)]
        await asyncio.gather(*(engine.run(Work(job, image, 1, {"x": image})) for job in jobs))

    asyncio.run(main(sys.argv[1], sys.argv[2]))
    """
)


def test_C01_they_die_with_the_farm(unpacked, tmp_path, sleepers, slowdown):
    command = [sys.executable, "-c", ORCHESTRATOR, unpacked("alpine-3.20"), str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT) as orchestrator:
        try:
            assert wait_until(lambda: sleepers() == 6, 30 * slowdown)
        finally:
            orchestrator.send_signal(signal.SIGKILL)
    assert wait_until(lambda: sleepers() == 0, 10 * slowdown)
    detect.sweep_dead()


def wait_until(condition: Callable[[], bool], limit_s: float) -> bool:
    until_s = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > until_s:
            return False
        time.sleep(0.01)  # between two looks, not instead of one
    return True
