"""The store where things go wrong: killed at every step, no space left, others at the same image."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from farm.app.supply import Supply
from farm.app.turns import Turns
from farm.engine.build import LocalBuilder
from farm.errors import ImageError
from farm.image.collect import Rules, collect
from farm.image.limits import UnpackLimits
from farm.image.store import Store
from farm.kernel import mount
from farm.model.distro import Distro, Image, Source, SourceKind
from tests.kernel.image.archives import Images, entry, folder, packed, symlink

ROOT = Path(__file__).resolve().parents[3]
TURNS = Turns(LocalBuilder(None))
MEMBERS = [folder("etc"), entry("etc/os-release", b"ID=test\n"), symlink("e", "etc"), entry("large", bytes(200_000))]

# Kills itself at the step ``argv[2]``: an event of the interpreter that has to do with files. Says "whole" if it came through.
STEPS = """
import os, signal, sys
from farm.image.resolve import resolve
from farm.image.store import Store
from farm.kernel.userns import IdMap
from farm.model.distro import Source, SourceKind
action, last, archive, home = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
WATCHED = ("open", "os.", "fcntl.", "subprocess.")
count = 0
def step(event, arguments):
    global count
    if event.startswith(WATCHED):
        count += 1
        if count == last:
            os.kill(os.getpid(), signal.SIGKILL)
store = Store(home)
digest = next((each.digest for each in store.stored()), "")
sys.addaudithook(step)
if action == "import":
    resolve(Source(SourceKind.TARBALL, archive), store, IdMap(0x70000000))
else:
    store.remove(digest)
print("whole")
"""


def stepped(action: str, step: int, archive: Path, home: str) -> bool:
    """Whether ``action`` came through without being killed at ``step``."""
    done = subprocess.run(
        [sys.executable, "-c", STEPS, action, str(step), str(archive), home],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.stdout == "whole\n"


def whole(store: Store) -> list[str]:
    """The images of the store, each of them compared with what was imported."""
    found = store.stored()
    assert [each.problem for each in found if each.problem] == []
    for each in found:
        assert list(store.differences(each)) == []
    return [each.digest for each in found]


def swept(images: Images) -> None:
    """After what a killed process left is gone, nothing but images is there."""
    # The unpacker dies with whoever started it, but in its own time.
    psutil.wait_procs(psutil.Process().children(recursive=True), 30)
    images.store.sweep()
    home = Path(images.store.home)
    assert list(home.glob("staging/*")) == []
    assert {each.name for each in home.glob("locks/*")} <= {each.name for each in home.glob("store/*")}


@pytest.mark.slow_in_vm
@pytest.mark.timeout(300)
def test_killed_at_any_step_of_a_removal_the_store_is_whole(images):
    archive = images.write(packed(MEMBERS))
    digest = images.take(archive).digest
    outcomes = set()
    for step in range(1, 500):
        through = stepped("remove", step, archive, images.store.home)
        left = whole(images.store)
        assert left in ([], [digest])
        outcomes.add(len(left))
        swept(images)
        if through:
            break
        if not left:
            images.take(archive)
    assert through
    assert outcomes == {0, 1}
    assert step > 10


@pytest.mark.slow_in_vm
@pytest.mark.timeout(300)
def test_killed_at_any_step_of_an_import_the_store_is_whole(images):
    archive = images.write(packed(MEMBERS))
    outcomes = set()
    for step in range(1, 500):
        through = stepped("import", step, archive, images.store.home)
        left = whole(images.store)
        assert len(left) <= 1
        outcomes.add(len(left))
        swept(images)
        for each in left:
            images.store.remove(each)
        if through:
            break
    assert through
    assert outcomes == {0, 1}
    assert step > 30


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of 600 KiB in memory."""
    path = tmp_path / "small"
    path.mkdir()
    mount.mount("small", str(path), "tmpfs", 0, "size=600k,mode=755")
    yield path
    mount.umount2(str(path), mount.MNT_DETACH)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """An ext4 of 3 MiB on a loop device, where a full disk is found out as late as it is written to."""
    if shutil.which("mkfs.ext4") is None or shutil.which("losetup") is None:
        pytest.skip("needs mkfs.ext4 (e2fsprogs) and losetup (util-linux)")
    device, path = tmp_path / "device", tmp_path / "small"
    with device.open("wb") as file:
        file.truncate(3 << 20)
    # Without a journal and reserved blocks: all of it is for the test.
    subprocess.run(["mkfs.ext4", "-q", "-m0", "-O", "^has_journal", device], check=True, capture_output=True)
    attached = subprocess.run(["losetup", "--find", "--show", device], capture_output=True, text=True, check=False)
    if attached.returncode:
        pytest.skip(f"needs loop devices: {attached.stderr.strip()}")
    loop = attached.stdout.strip()
    path.mkdir()
    try:
        mount.mount(loop, str(path), "ext4", 0, "")
    except OSError as error:
        subprocess.run(["losetup", "--detach", loop], check=True)
        pytest.skip(f"needs ext4 on a loop device: {error}")
    try:
        yield path
    finally:
        mount.umount2(str(path), 0)
        subprocess.run(["losetup", "--detach", loop], check=True)


def taken(images: Images, archive: Path) -> str:
    """What an import says, empty where it succeeds."""
    try:
        images.take(archive)
    except ImageError as error:
        return "full" if "No space left" in str(error) else str(error)
    return ""


def test_on_a_disk_that_fills_up_at_any_point_an_image_is_whole_or_absent(tmp_path, small):
    images = Images(tmp_path)
    archive = images.write(packed(MEMBERS))
    images.store = Store(str(small / "home"))
    ballast = small / "ballast"
    outcomes = set()
    for filled in range(600, 300, -20):
        with ballast.open("wb") as file:
            file.truncate(0)
            os.posix_fallocate(file.fileno(), 0, filled * 1024 - 100 * 1024)
        outcomes.add(taken(images, archive))
        left = whole(images.store)
        swept(images)
        for each in left:
            images.store.remove(each)
        ballast.unlink()
    assert outcomes == {"", "full"}


def test_C10_on_ext4_that_fills_up_an_image_is_whole_or_absent_and_can_be_removed(tmp_path, small_disk):
    images = Images(tmp_path)
    archive = images.write(packed(MEMBERS))
    images.store = Store(str(small_disk / "home"))
    ballast = small_disk / "ballast"
    outcomes = set()
    free = os.statvfs(small_disk)
    for left_bytes in range(0, 600 << 10, 30 << 10):
        with ballast.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, free.f_bavail * free.f_bsize - left_bytes)
        outcomes.add(taken(images, archive))
        left = whole(images.store)
        swept(images)
        for each in left:
            images.store.remove(each)
        ballast.unlink()
        os.sync()  # ext4 gives back what was deleted only then
    assert outcomes == {"", "full"}


def test_an_image_is_removed_from_a_full_disk(tmp_path, small):
    images = Images(tmp_path)
    images.store = Store(str(small / "home"))
    digest = images.take(images.write(packed(MEMBERS))).digest
    with (small / "ballast").open("wb", buffering=0) as file, pytest.raises(OSError, match="No space left"):
        file.writelines(bytes(4096) for _ in range(1000))
    assert images.store.remove(digest) >= 200_000
    assert images.store.stored() == ()
    swept(images)


def test_an_image_used_since_it_was_chosen_stays(images):
    image = images.take(images.write(packed(MEMBERS)))
    os.utime(Path(images.store.rootfs_dir, image.digest, "image.json"), (1000, 1000))
    (stored,) = images.store.stored()
    images.store.touch(image.digest)
    assert images.store.discard(image.digest, stored.used_at) is None
    assert whole(images.store) == [image.digest]
    assert images.store.discard(image.digest, images.store.used_at(image.digest)) >= 200_000


class Racing(Store):
    """A store from which an image is collected between its being found and its being held, once."""

    raced = False

    @contextlib.contextmanager
    def hold(self, digest: str, *, use: bool = True) -> Iterator[None]:
        if not self.raced:
            self.raced = True
            self.remove(digest)
        with super().hold(digest, use=use):
            yield


def test_an_image_collected_before_a_run_holds_it_is_made_anew(images):
    archive = images.write(packed(MEMBERS))
    store = Racing(images.store.home)
    digest = images.take(archive).digest
    with Supply(store, images.id_map, UnpackLimits(), print, TURNS, str(images.folder)) as supply:
        found = asyncio.run(supply.image(Distro("test", (Source(SourceKind.TARBALL, str(archive)),))))
        assert store.raced
        assert isinstance(found, Image)
        assert store.in_use(digest)
    assert whole(images.store) == [digest]


def test_collecting_passes_over_what_is_in_use_and_frees_what_it_says(images):
    archives = [images.write(packed([*MEMBERS, entry("n", bytes(number))]), f"{number}.tar") for number in (1, 2, 3)]
    digests = [images.take(each).digest for each in archives]
    for age, digest in enumerate(digests):
        os.utime(Path(images.store.rootfs_dir, digest, "image.json"), (1000 + age, 1000 + age))
    all_bytes = sum(each.disk_bytes for each in images.store.stored())
    rules = Rules(most_bytes=all_bytes - 1)
    with images.store.hold(digests[0], use=False):
        assert images.store.in_use(digests[0])
        (would,) = collect(images.store, rules, 2000, dry_run=True)
        assert len(images.store.stored()) == 3
        (gone,) = collect(images.store, rules, 2000, dry_run=False)
    assert would.stored.digest == gone.stored.digest == digests[1]
    assert gone.freed_bytes == pytest.approx(gone.stored.disk_bytes, rel=0.2)
    assert {each.digest for each in images.store.stored()} == {digests[0], digests[2]}
    assert [each.stored.digest for each in collect(images.store, Rules(older_than_s=10), 2000, dry_run=False)] == [
        digests[0],
        digests[2],
    ]
    assert images.left() == []


def test_a_damaged_record_hides_no_other_image_and_can_be_removed(images):
    image = images.take(images.write(packed(MEMBERS)))
    damaged = Path(images.store.rootfs_dir, "f" * 64)
    damaged.mkdir()
    (damaged / "image.json").write_text("{")
    assert images.store.images() == (image,)
    assert {each.digest: bool(each.problem) for each in images.store.stored()} == {image.digest: False, "f" * 64: True}
    images.store.remove("f" * 64)
    assert whole(images.store) == [image.digest]


def test_who_waits_for_an_image_does_not_wait_for_those_that_use_it_once_it_is_there(images):
    """Two distros of one archive in one run, or two runs: the first holds it for as long as it goes on."""
    digest = images.take(images.write(packed(MEMBERS), "a.tar")).digest
    with images.store.hold(digest), images.store.making(digest) as staging:
        assert staging is None
