"""Images from web servers: resumed, verified, remembered, and one clear error for each way it can go wrong."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from farm.errors import ImageError
from farm.image import fetch
from farm.image.resolve import resolve
from farm.kernel import mount
from farm.model.distro import Source, SourceKind
from tests.kernel.image.archives import entry, packed
from tests.kernel.image.server import Web, serving, soon

ROOT = Path(__file__).resolve().parents[3]
ARCHIVE = packed([entry("hello", b"from afar"), *(entry(f"{number}", os.urandom(20_000)) for number in range(20))])
SHA256 = hashlib.sha256(ARCHIVE).hexdigest()


@pytest.fixture
def web():
    with serving(Web({"/image.tar": ARCHIVE})) as found:
        yield found


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """What a person waits for takes no time here; that it is waited for is what is tested."""
    monkeypatch.setattr(fetch, "_PAUSE_S", 0.01)
    monkeypatch.setattr(fetch, "PATIENCE_S", (2.0, 1.0))


@pytest.fixture
def fetched(images, web):
    """Import ``path`` of the server; the image."""

    def take(path="/image.tar", sha256=None, *, fresh=False, stopped=lambda: False, progress=lambda *_: None, url=""):
        source = Source(SourceKind.URL, (url or web.url) + path, sha256)
        return resolve(source, images.store, images.id_map, stopped, progress=progress, fresh=fresh)

    return take


def text(image):
    return (Path(image.overlays[0].lowers[0]) / "hello").read_text()


def downloads(images):
    folder = Path(images.store.downloads_dir)
    return sorted(each.name for each in folder.iterdir()) if folder.exists() else []


def test_a_tarball_is_fetched_once(images, web, fetched):
    told = []
    image = fetched(progress=lambda *each: told.append(each))
    assert (image.digest, image.source, text(image)) == (SHA256, f"{web.url}/image.tar", "from afar")
    assert told[-1] == (f"{web.url}/image.tar", len(ARCHIVE), len(ARCHIVE))
    assert fetched() == image
    assert [path for path, _, _ in web.asked] == ["/image.tar"]
    assert downloads(images) == []


def test_pull_asks_again_and_fetches_what_changed(images, web, fetched):
    first = fetched()
    assert fetched(fresh=True) == first
    assert [status for _, _, status in web.asked] == [200, 304]
    web.files["/image.tar"] = packed([entry("hello", b"anew")])
    assert text(fetched(fresh=True)) == "anew"
    assert text(fetched()) == "anew"


def test_a_server_without_tags_is_asked_by_date(images, web, fetched):
    web.tags, web.modified = False, "Tue, 05 Nov 2019 10:00:00 GMT"
    first = fetched()
    assert fetched(fresh=True) == first
    assert [status for _, _, status in web.asked] == [200, 304]
    web.files["/image.tar"] = packed([entry("hello", b"anew")])
    web.modified = "Tue, 05 Nov 2019 10:00:01 GMT"
    assert text(fetched(fresh=True)) == "anew"
    assert fetched(fresh=True) != first
    assert web.asked[-1][2] == 304


@pytest.mark.parametrize("modified", ["", "yesterday", "now"])
def test_a_date_that_may_not_change_with_the_file_is_not_believed(web, fetched, modified):
    web.tags = False
    web.modified = (
        format_datetime(datetime.now(UTC) + timedelta(seconds=9), usegmt=True) if modified == "now" else modified
    )
    fetched()
    web.files["/image.tar"] = packed([entry("hello", b"anew")])
    assert text(fetched(fresh=True)) == "anew"


def test_a_date_is_no_reason_to_resume(web, fetched):
    web.tags, web.modified = False, "Tue, 05 Nov 2019 10:00:00 GMT"
    web.cut_bytes, web.cuts = 100_000, 1
    assert text(fetched()) == "from afar"
    assert [(wanted, status) for _, wanted, status in web.asked] == [("", 200), ("", 200)]


def test_nothing_is_asked_where_the_digest_is_in_the_store(images, web, fetched):
    fetched()
    assert fetched("/elsewhere.tar", SHA256).digest == SHA256
    assert len(web.asked) == 1


def test_an_image_that_was_removed_is_fetched_again(images, web, fetched):
    images.store.remove(fetched().digest)
    assert text(fetched()) == "from afar"
    assert len(web.asked) == 2


@pytest.mark.parametrize("known", [True, False])
def test_a_cut_transfer_is_resumed(images, web, fetched, known):
    web.cut_bytes = 100_000
    assert text(fetched(sha256=SHA256 if known else None)) == "from afar"
    starts = [wanted for _, wanted, _ in web.asked]
    assert starts == ["", *(f"bytes={at}-" for at in range(100_000, len(ARCHIVE), 100_000))][: len(starts)]
    assert len(starts) > 2
    assert downloads(images) == []


@pytest.mark.parametrize("weak", ["no ranges", "no tags"])
def test_what_cannot_be_resumed_begins_anew(images, web, fetched, weak):
    web.ranges, web.tags = weak != "no ranges", weak != "no tags"
    web.cut_bytes, web.cuts = 100_000, 2
    assert text(fetched()) == "from afar"
    assert [status for _, _, status in web.asked] == [200, 200, 200]


def test_a_range_that_was_not_asked_for_is_not_taken(web, fetched):
    web.cut_bytes, web.cuts, web.other_ranges = 100_000, 1, 1
    assert text(fetched()) == "from afar"
    assert [status for _, _, status in web.asked] == [200, 206, 200]


def test_a_file_that_changed_in_the_middle_is_not_patched_together(web, fetched):
    web.cut_bytes, web.cuts = 100_000, 1
    other = packed([entry("hello", b"anew"), entry("x", os.urandom(300_000))])

    def change(name, have, total):
        if have:
            web.files["/image.tar"] = other

    assert text(fetched(progress=change)) == "anew"
    assert [status for _, _, status in web.asked] == [200, 200]


def test_what_has_come_is_kept_for_the_next_time(images, web, fetched):
    web.cut_bytes, web.cuts = 100_000, 1 << 30
    web.ranges = False
    with pytest.raises(ImageError, match=r"(?s)cannot fetch .*image.tar.*ended|cannot fetch") as caught:
        fetched(sha256=SHA256)
    assert "goes on from there" in caught.value.remedy
    assert len(downloads(images)) == 2  # and its entity tag
    web.cut_bytes, web.ranges = None, True
    assert text(fetched(sha256=SHA256)) == "from afar"
    assert web.asked[-1] == ("/image.tar", "bytes=100000-", 206)
    assert downloads(images) == []


def test_a_wrong_digest_names_both_and_leaves_nothing(images, fetched):
    with pytest.raises(ImageError, match=f"(?s)wrong digest.*{'ab' * 32}.*{SHA256}"):
        fetched(sha256="ab" * 32)
    assert images.left() == downloads(images) == []


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_an_answer_that_is_none_is_told_at_once(images, web, fetched, status):
    web.statuses = [status]
    with pytest.raises(ImageError, match=f"(?s)cannot fetch {web.url}/image.tar.*the server says {status}") as caught:
        fetched()
    assert caught.value.remedy
    assert len(web.asked) == 1
    assert images.left() == downloads(images) == []


def test_a_server_that_is_busy_is_asked_again(web, fetched):
    web.statuses = [503, 500, 429]
    assert text(fetched()) == "from afar"
    assert len(web.asked) == 4


def test_a_server_that_stays_broken_is_given_up(images, web, fetched):
    web.statuses = [503] * 100
    with pytest.raises(ImageError, match=r"(?s)cannot fetch.*503"):
        fetched()
    assert images.left() == []
    assert len(web.asked) < 10


def test_redirects_are_followed_and_loops_are_not(web, fetched):
    web.redirects = {"/a": "/b", "/b": "/image.tar", "/loop": "/loop"}
    assert text(fetched("/a")) == "from afar"
    with pytest.raises(ImageError, match="30 redirects"):
        fetched("/loop")


def test_a_refused_connection_is_one_error_at_once(images, fetched):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(ImageError, match=r"(?s)cannot fetch.*Connection refused"):
        fetched(url=f"http://127.0.0.1:{port}")
    assert images.left() == []


def test_a_server_that_stalls_is_given_up(images, web, fetched, monkeypatch):
    monkeypatch.setattr(fetch, "_TRIES", 1)
    monkeypatch.setattr(fetch, "PATIENCE_S", (1.0, 0.2))
    web.stalls = True
    with pytest.raises(ImageError, match=r"(?s)cannot fetch.*does not answer in time"):
        fetched()
    assert images.left() == []


def test_a_page_in_place_of_an_archive_is_refused(images, web, fetched):
    web.files["/image.tar"] = b"<html>log in</html>" * 100
    with pytest.raises(ImageError, match="no tar archive"):
        fetched()
    assert images.left() == downloads(images) == []


def test_a_transfer_is_given_up_when_nobody_needs_it_and_goes_on_the_next_time(images, web, fetched):
    stop = threading.Event()
    with pytest.raises(ImageError, match="given up"):
        fetched(stopped=stop.is_set, progress=lambda name, have, total: stop.set() if have else None)
    assert images.left() == []
    assert downloads(images)
    assert text(fetched()) == "from afar"
    assert web.asked[-1][2] == 206


def test_C10_a_full_disk_leaves_nothing(images, web, fetched, tmp_path):
    small = tmp_path / "home"
    small.mkdir(exist_ok=True)
    mount.mount("farm", str(small), "tmpfs", 0, "size=200k")
    try:
        with pytest.raises(ImageError, match="No space left on device"):
            fetched()
        assert images.left() == downloads(images) == []
    finally:
        mount.umount2(str(small))


PULL = """
import sys
from farm.image.resolve import resolve
from farm.image.store import Store
from farm.kernel.userns import IdMap
from farm.model.distro import Source, SourceKind
print(resolve(Source(SourceKind.URL, sys.argv[1]), Store(sys.argv[2]), IdMap(0x70000000)).digest)
"""


def test_A10_two_processes_fetch_one_file_once_and_a_killed_one_harms_nobody(images, web):
    def puller():
        command = [sys.executable, "-c", PULL, f"{web.url}/image.tar", images.store.home]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)

    web.stalls = True
    with puller() as victim:
        came = soon(lambda: any(each.stat().st_size for each in Path(images.store.downloads_dir).glob("?" * 64)))
        victim.kill()
    assert came
    web.released.set()
    web.stalls = False
    web.asked.clear()
    with puller() as one, puller() as two:
        assert one.communicate()[0].strip() == two.communicate()[0].strip() == SHA256
    assert images.left() == [SHA256]
    assert downloads(images) == []


def test_downloads_that_nobody_goes_on_with_are_swept(images, web, fetched):
    web.cut_bytes, web.ranges = 100_000, False
    with pytest.raises(ImageError):
        fetched(sha256=SHA256)
    kept = downloads(images)
    images.store.sweep()
    assert downloads(images) == kept
    for each in Path(images.store.downloads_dir).iterdir():
        os.utime(each, (0, 0))
    images.store.sweep()
    assert downloads(images) == []
