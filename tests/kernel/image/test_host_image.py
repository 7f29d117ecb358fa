"""The host image, looked at from inside a container as its root and as nobody: what is secret is not there."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from farm.engine.local import LocalEngine
from farm.errors import ImageError
from farm.image import walk
from farm.image.host import resolve, secret
from farm.image.store import Store
from farm.kernel.userns import IdMap
from farm.model.distro import Image
from farm.model.outcome import Outcome
from farm.model.ports import Work
from tests.kernel.engine.conftest import make_job

KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAA\n"


@pytest.fixture
def planted() -> Iterator[Path]:
    """A folder below /usr with things in it that nobody may see, and one below /etc of the same name."""
    usr = Path(tempfile.mkdtemp(prefix="farm-test-", dir="/usr/local"))
    etc = Path("/etc") / usr.name
    try:
        for top in (usr, etc):
            top.mkdir(exist_ok=True)
            top.chmod(0o755)
            (top / "open").write_text("everybody")
            (top / "hidden").write_text("SECRET")
            (top / "hidden").chmod(0o600)
            (top / "group").write_text("SECRET")
            (top / "group").chmod(0o640)
            (top / "mine").mkdir(mode=0o700)
            (top / "mine/file").write_text("SECRET")
            (top / "id_ed25519").write_text(KEY + "SECRET")
            (top / "id_ed25519").chmod(0o644)
            (top / "server.pem").write_text("text before\n" + KEY + "SECRET")
            (top / "ca.pem").write_text("-----BEGIN CERTIFICATE-----\n")
        yield usr
    finally:
        shutil.rmtree(usr)
        shutil.rmtree(etc, ignore_errors=True)


def inside(image: Image, store: Store, folder: Path, script: str) -> str:
    """What ``script`` prints in a container on ``image``."""
    lowers = {each for overlay in image.overlays for each in overlay.lowers if not each.startswith(store.rootfs_dir)}
    engine = LocalEngine(f"test-{os.getpid()}", str(folder), (store.rootfs_dir, *sorted(lowers)), IdMap(0x70000000))

    async def go() -> tuple[Outcome, str]:
        await engine.start()
        try:
            attempt = await engine.run(Work(make_job(script), image, 1))
        finally:
            await engine.close()
        said = (folder / attempt.log_path).read_text() if attempt.log_path else ""
        return attempt.outcome, said + attempt.reason

    outcome, said = asyncio.run(go())
    assert outcome is Outcome.PASSED, said
    return said


@pytest.mark.timeout(240)
def test_nothing_secret_is_inside(planted, tmp_path):
    store = Store(f"/etc/{planted.name}/farm")
    image = resolve(store)
    names = f"{planted} /etc/{planted.name}"
    said = inside(
        image,
        store,
        tmp_path,
        f"""
        look() {{
            for top in {names}; do ls -A $top | sed "s|^|$1 $(dirname $top) |"; done
            grep -rl SECRET {names} 2>/dev/null | sed "s|^|$1 found |"
            for each in /root /home /srv /opt /media /mnt; do echo "$1 $each [$(ls -A $each 2>/dev/null)]"; done
        }}
        look root
        su -s /bin/sh nobody -c true || true
        setpriv --reuid=65534 --regid=65534 --clear-groups sh -c "cat {planted}/open; ls -A {planted} | wc -l"
        cat /etc/shadow
        """,
    )
    lines = said.splitlines()
    for top in ("/usr/local", "/etc"):
        assert {line.split()[-1] for line in lines if line.startswith(f"root {top} ")} == {"open", "ca.pem"}
    assert not [line for line in lines if " found " in line]
    for empty in ("/root", "/home", "/srv", "/opt", "/media", "/mnt"):
        assert f"root {empty} []" in lines
    hashes = [line.split(":")[1] for line in Path("/etc/shadow").read_text().splitlines() if ":" in line]
    shadow = [line for line in lines if line.count(":") >= 7]
    assert shadow
    assert all(line.split(":")[1] == "*" for line in shadow)
    assert not [each for each in hashes if len(each) > 4 and each in said]
    assert "everybody" in said


def test_a_store_below_usr_is_refused(planted):
    with pytest.raises(ImageError, match="lies in /usr") as caught:
        resolve(Store(str(planted / "farm")))
    assert "FARM_HOME" in caught.value.remedy
    assert not (planted / "farm").exists()


def test_of_the_hosts_etc_nothing_is_copied_that_others_cannot_read(tmp_path):
    root = Path(resolve(Store(str(tmp_path / "home"))).overlays[0].lowers[0])
    made = {"shadow", "gshadow", "machine-id"}
    for at, _, files in os.walk(root / "etc"):
        for name in files:
            path = Path(at, name)
            host = Path("/", path.relative_to(root))
            if not path.is_symlink() and not (path.parent == root / "etc" and name in made):
                assert host.stat().st_mode & 0o004, host
                assert b"PRIVATE KEY-----" not in path.read_bytes(), host
    assert (
        "/etc/shadow"
        not in subprocess.run(
            ["grep", "-rlE", r"\$(y|6|5|1)\$", root], capture_output=True, text=True, check=False
        ).stdout
    )


def test_a_mount_below_usr_is_hidden(planted, tmp_path):
    (planted / "below").mkdir()
    (planted / "below/under").write_text("SECRET: only under the mount")
    subprocess.run(["mount", "-t", "tmpfs", "farm-test", planted / "below"], check=True)
    try:
        store = Store(str(tmp_path / "home"))
        said = inside(resolve(store), store, tmp_path, f"ls -A {planted}")
    finally:
        subprocess.run(["umount", planted / "below"], check=True)
    assert "below" not in said
    assert "open" in said


def test_the_image_is_found_again_and_follows_the_host(planted, tmp_path):
    store = Store(str(tmp_path / "home"))
    first = resolve(store)
    assert resolve(store) == first
    (planted / "new").write_text("SECRET")
    (planted / "new").chmod(0o600)
    second = resolve(store)
    assert second.digest != first.digest
    (planted / "mine").chmod(0o755)
    assert resolve(store).digest != second.digest


def test_a_mode_that_was_taken_away_is_seen_in_time(planted, tmp_path, monkeypatch):
    cache = str(tmp_path / "walk")
    top = str(planted)
    assert "open" not in walk.hidden_below((top,), cache)[top]
    later_s = time.time() + 700
    (planted / "open").chmod(0o600)
    monkeypatch.setattr("farm.image.walk.time.time", lambda: later_s)
    assert "open" in walk.hidden_below((top,), cache)[top]


@pytest.mark.parametrize(
    ("name", "mode", "kept"),
    [
        ("shadow", 0o100644, True),
        ("hosts", 0o100644, False),
        ("hosts", 0o100640, True),
        ("tool", 0o100711, True),
        ("ssh_host_rsa_key", 0o100644, True),
        ("private", 0o040755, True),
        ("dir", 0o040750, True),
        ("dir", 0o040755, False),
        ("shadow", 0o120777, False),
        ("socket", 0o140777, True),
    ],
)
def test_what_counts_as_secret(name, mode, kept):
    assert secret(name, mode) is kept
