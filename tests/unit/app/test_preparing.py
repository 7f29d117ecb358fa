"""Prepared images of a run, with a maker of images and a builder of our own in place of containers."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from farm.app.preparing import Preparing, names
from farm.app.turns import Turns
from farm.app.unavailable import Unavailable
from farm.errors import GivenUpError, ImageError
from farm.image.building import BuildError
from farm.image.prepared import Preparation
from farm.image.store import Store
from farm.image.unpacking import Stopped
from farm.model.build import Build, Network
from farm.model.distro import Distro, Facts, Image, Source, SourceKind
from farm.model.job import ImageKey, Job, Prepare
from farm.model.ports import Builder

DISTRO = Distro("debian-12", (Source(SourceKind.HOST),))
BASE = Image("0" * 64, "test", (), Facts(install="apt-get install -y"))
PREPARE = Prepare("{{ distro.install }} make", ("sh", "-e"), env=(("A", "a"),), network=Network.HOST)


class FakeBuilder:
    """Counts how many builds go on at once; each waits until ``release`` is set, and watches meanwhile."""

    def __init__(self) -> None:
        self.release = threading.Event()
        self.release.set()
        self.most = 0
        self._now = 0
        self._lock = threading.Lock()
        self.busy = threading.Semaphore(0)

    def build(self, build: Build, log_path: str, watch: Callable[[], None]) -> str:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
        self.busy.release()
        try:
            while not self.release.wait(0.01):
                watch()
            return ""
        finally:
            with self._lock:
                self._now -= 1


class Maker:
    """In the place of ``prepared``: what it was asked for, and images that it says are in the store."""

    def __init__(self, store: Store, *, cached: bool = False, error: Exception | None = None) -> None:
        self._store = store
        self._cached = cached
        self._error = error
        self.asked: list[Preparation] = []

    def __call__(
        self,
        base: Image,
        wanted: Preparation,
        store: Store,
        builder: Builder,
        stopped: Stopped,
        said: Callable[[str, str], None],
    ) -> tuple[Image, bool]:
        self.asked.append(wanted)
        if self._error is not None:
            raise self._error

        def watch() -> None:
            if stopped():
                raise GivenUpError(wanted.name)

        if not self._cached:
            builder.build(Build(wanted.name, (), wanted.argv, "/nowhere"), "/nowhere", watch)
        digest = f"{len(self.asked):064x}"
        os.makedirs(os.path.join(store.rootfs_dir, digest), exist_ok=True)
        return Image(digest, wanted.script, (), Facts()), not self._cached


class Scene:
    """A run's folders, what was noted, and ``Preparing`` over them."""

    def __init__(self, folder: Path) -> None:
        self.store = Store(str(folder / "home"))
        self.run_dir = folder / "run"
        self.run_dir.mkdir()
        self.notes: list[str] = []
        self.builder = FakeBuilder()
        self.stopped = False

    def preparing(self, make: Maker) -> Preparing:
        folder, stopped = str(self.run_dir), lambda: self.stopped
        return Preparing(self.store, Turns(self.builder), folder, self.notes.append, stopped, make)

    def images(self, make: Maker, *prepares: Prepare, base: Image = BASE) -> list[Image | Unavailable]:
        async def go() -> list[Image | Unavailable]:
            with self.preparing(make) as preparing:
                found = await asyncio.gather(*(preparing.image(DISTRO, base, each) for each in prepares))
                assert all(self.store.in_use(each.digest) for each in found if isinstance(each, Image) and each != base)
                await asyncio.sleep(0)  # for what threads have told the loop
                return list(found)

        return asyncio.run(go())


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_a_prepare_becomes_a_preparation_with_its_script_rendered(scene: Scene) -> None:
    make = Maker(scene.store)
    (image,) = scene.images(make, PREPARE)
    assert isinstance(image, Image)
    assert not scene.store.in_use(image.digest)
    text = "apt-get install -y make"
    assert make.asked == [
        Preparation(
            "debian-12",
            text,
            ("sh", "-e", "-c", text),
            (("A", "a"),),
            Network.HOST,
            (),
            1800.0,
            PREPARE.limits,
            "debian-12",
        )
    ]
    (note,) = scene.notes
    assert note.startswith("prepared debian-12 in 0.")


def job(test: str, prepare: Prepare | None, distro: str = "debian-12", **axes: str) -> Job:
    return Job(f"{test}/{distro}", test, distro, tuple(axes.items()), ("sh",), "", prepare=prepare)


def test_several_prepared_images_of_one_distro_are_told_apart_by_what_differs() -> None:
    one, two, three = (Prepare(text, ("sh",)) for text in ("one", "two", "three"))
    assert names([job("a", one, cc="gcc"), job("b", one), job("c", None)]) == {ImageKey("debian-12", one): "debian-12"}
    by_axis = [job("a", each, cc=cc, opt=opt) for each, cc in ((one, "gcc"), (two, "tcc")) for opt in ("O0", "O2")]
    assert list(names(by_axis).values()) == ["debian-12[cc=gcc]", "debian-12[cc=tcc]"]
    by_test = [job("a", one), job("b", one), job("c", two), *(job(f"t{number}", three) for number in range(5))]
    assert list(names(by_test).values()) == [
        "debian-12 for a, b",
        "debian-12 for c",
        "debian-12 for t0, t1, t2 and 2 more",
    ]
    elsewhere = names([job("a", one), job("a", two, "host"), job("b", two, "host")])
    assert list(elsewhere.values()) == ["debian-12", "host"]


def test_messages_say_which_image_it_was_and_logs_lie_by_distro(scene: Scene) -> None:
    log = str(scene.run_dir / "log")
    Path(log).write_text("what it printed\n")
    make = Maker(scene.store)
    called = {ImageKey("debian-12", PREPARE): "debian-12[cc=gcc] for a"}

    async def go(maker: Maker) -> Image | Unavailable:
        turns = Turns(scene.builder)
        with Preparing(scene.store, turns, str(scene.run_dir), scene.notes.append, bool, maker, called=called) as all_:
            found = await all_.image(DISTRO, BASE, PREPARE)
            await asyncio.sleep(0)
            return found

    asyncio.run(go(make))
    assert scene.notes[0].startswith("prepared debian-12[cc=gcc] for a in 0.")
    assert (make.asked[0].name, make.asked[0].called) == ("debian-12", "debian-12[cc=gcc] for a")
    failed = asyncio.run(go(Maker(scene.store, error=BuildError("it failed", "exit status 1", "", log))))
    assert isinstance(failed, Unavailable)
    assert failed.log_path.startswith("prepare/debian-12-")


def test_nothing_is_said_of_an_image_that_was_there(scene: Scene) -> None:
    scene.images(Maker(scene.store, cached=True), PREPARE)
    assert scene.notes == []


def test_where_nothing_is_left_of_the_script_it_is_the_distros_own_image(scene: Scene) -> None:
    make = Maker(scene.store)
    text = "{% if distro.family == 'suse' %}zypper in x{% endif %}\n"
    assert scene.images(make, Prepare(text, ("sh",))) == [BASE]
    assert make.asked == []


def test_a_script_that_cannot_be_made_is_said_with_its_place(scene: Scene) -> None:
    prepare = Prepare("{{ distro.install }} make", ("sh",), where="m.yaml:3:4")
    (found,) = scene.images(Maker(scene.store), prepare, base=Image("0" * 64, "test", (), Facts()))
    assert isinstance(found, Unavailable)
    assert found.reason.startswith("prepare: there is no script for debian-12; m.yaml:3:4: distro.install is empty")
    assert found.note() == ""


def test_two_builds_go_on_at_once_and_images_that_are_there_do_not_wait(scene: Scene) -> None:
    scene.builder.release.clear()

    async def go() -> None:
        with scene.preparing(Maker(scene.store)) as preparing:
            builds = [asyncio.ensure_future(preparing.image(DISTRO, BASE, Prepare(str(n), ("sh",)))) for n in range(5)]
            await asyncio.to_thread(lambda: [scene.builder.busy.acquire() for _ in range(2)])
            preparing._make = Maker(scene.store, cached=True)
            assert isinstance(await preparing.image(DISTRO, BASE, PREPARE), Image)
            assert not any(each.done() for each in builds)
            scene.builder.release.set()
            await asyncio.gather(*builds)

    asyncio.run(go())
    assert scene.builder.most == 2


def test_an_interrupt_gives_up_those_that_go_on_and_those_that_wait_and_nothing_is_told(scene: Scene) -> None:
    scene.builder.release.clear()

    async def go() -> list[Image | Unavailable]:
        with scene.preparing(Maker(scene.store)) as preparing:
            builds = [asyncio.ensure_future(preparing.image(DISTRO, BASE, Prepare(str(n), ("sh",)))) for n in range(5)]
            await asyncio.to_thread(lambda: [scene.builder.busy.acquire() for _ in range(2)])
            scene.stopped = True
            return list(await asyncio.gather(*builds))

    for each in asyncio.run(go()):
        assert isinstance(each, Unavailable)
        assert each.note() == ""
    assert scene.notes == []


@pytest.fixture
def log(tmp_path: Path) -> str:
    path = tmp_path / "whole.log"
    path.write_text("".join(f"line {n}\n" for n in range(40)) + "E: \x1b[31mno\x07 package\n")
    return str(path)


def test_a_command_that_failed_is_told_with_the_end_of_its_log_which_the_run_keeps(scene: Scene, log: str) -> None:
    error = BuildError("preparing debian-12 failed", "exit status 100", "", log)
    (found,) = scene.images(Maker(scene.store, error=error), PREPARE)
    assert isinstance(found, Unavailable)
    (kept,) = (scene.run_dir / "prepare").iterdir()
    assert kept.name.startswith("debian-12-")
    assert len(kept.name) == len("debian-12-01234567.log")
    assert kept.read_bytes() == Path(log).read_bytes()
    path = f"prepare/{kept.name}"
    assert found.reason == f"prepare: preparing debian-12 failed; exit status 100; log: {path}"
    first, *lines = found.note("/run").split("\n")
    assert first == f"preparing debian-12 failed; exit status 100; log: /run/{path}"
    assert lines == [f"line {n}" for n in range(21, 40)] + ["E: no\\x07 package"]
    assert found.note().startswith(f"preparing debian-12 failed; exit status 100; log: {path}\n")


def test_the_remedy_is_in_the_note_and_not_in_every_jobs_reason(scene: Scene, log: str) -> None:
    error = BuildError("preparing debian-12 failed", "exit status 100", "write network: host", log)
    (found,) = scene.images(Maker(scene.store, error=error), PREPARE)
    assert isinstance(found, Unavailable)
    assert found.headline == "preparing debian-12 failed; exit status 100; write network: host"
    assert "network: host" not in found.reason


def test_different_commands_have_logs_of_their_own_and_one_has_the_same_in_every_run(scene: Scene, log: str) -> None:
    error = BuildError("failed", "", "", log)
    for _ in range(2):
        scene.images(Maker(scene.store, error=error), PREPARE, Prepare("other", ("sh",)))
    assert len(list((scene.run_dir / "prepare").iterdir())) == 2


def test_a_log_that_cannot_be_copied_hides_no_reason(scene: Scene) -> None:
    error = BuildError("failed", "exit status 1", "", "/no/such/log")
    (found,) = scene.images(Maker(scene.store, error=error), PREPARE)
    assert isinstance(found, Unavailable)
    assert found.reason.startswith("prepare: failed; exit status 1; its log could not be copied:")
    assert found.note() == "failed; exit status 1; log: /no/such/log"


@pytest.mark.parametrize("error", [ImageError("no space", "on the disk", "make room"), OSError(28, "no space")])
def test_an_error_of_the_farm_is_a_reason_without_a_log(scene: Scene, error: Exception) -> None:
    (found,) = scene.images(Maker(scene.store, error=error), PREPARE)
    assert isinstance(found, Unavailable)
    assert found.reason.startswith("prepare: ")
    assert "no space" in found.reason
    assert found.note() == ""


def test_a_bug_is_no_reason(scene: Scene) -> None:
    with pytest.raises(ZeroDivisionError):
        scene.images(Maker(scene.store, error=ZeroDivisionError()), PREPARE)
