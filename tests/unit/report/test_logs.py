"""The end of a log costs the same whatever came before it."""

from __future__ import annotations

import os
import tracemalloc

import pytest

from farm.report.logs import Tail, tail

_MIB = 1 << 20


def test_last_lines_and_whether_they_are_all(tmp_path):
    (tmp_path / "log").write_text("".join(f"{number}\n" for number in range(100)))
    assert tail(str(tmp_path), "log", 3) == Tail("97\n98\n99", whole=False)
    assert tail(str(tmp_path), "log", 100).whole


@pytest.mark.parametrize("content", [b"", b"no newline", b"\xff\xfe\x80 not utf-8\n", b"\n\n\n"])
def test_odd_logs(tmp_path, content):
    (tmp_path / "log").write_bytes(content)
    found = tail(str(tmp_path), "log", 10)
    assert found.whole
    assert found.text == content.decode("utf-8", "replace").rstrip("\n").replace("\ufffd", "\\ufffd")


@pytest.mark.parametrize("filler", [b"x" * (_MIB - 1) + b"\n", b"\0" * _MIB])
def test_D06_a_log_of_100_MB_is_read_from_its_end(tmp_path, filler):
    with open(tmp_path / "log", "wb") as log:
        for _ in range(100):
            log.write(filler)
        log.write(b"\nthe end\n")
    tracemalloc.start()
    try:
        found = tail(str(tmp_path), "log", 200)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        os.unlink(tmp_path / "log")
    assert found.text.endswith("the end")
    assert not found.whole
    assert len(found.text) < 3 * 64 * 1024
    assert peak < 4 * _MIB


@pytest.mark.parametrize(
    ("log", "shown"),
    [
        (b"first\n" + b"z" * 70_000 + b"\nlast\n", ["[…] " + "z" * 1000, "last"]),
        (b"w" * 200_000 + b"THE-ERROR\n", ["[…] " + "w" * 991 + "THE-ERROR"]),
        (
            b"BEGIN" + b"w" * 5_000 + b"END\n",
            ["BEGIN" + "w" * 995 + " [… 3008 more characters …] " + "w" * 997 + "END"],
        ),
        ("\u2713".encode() * 30_000, ["[…] " + "\u2713" * 333]),
    ],
)
def test_both_ends_of_long_lines_are_kept_and_what_is_missing_is_marked(tmp_path, log, shown):
    (tmp_path / "log").write_bytes(log)
    assert tail(str(tmp_path), "log", 10).text.split("\n") == shown


def test_a_folder_a_fifo_and_what_is_elsewhere_are_no_logs(tmp_path):
    run_dir = tmp_path / "run"
    run_dir.mkdir()
    (tmp_path / "secret").write_text("secret")
    os.mkfifo(run_dir / "fifo")
    (run_dir / "folder").mkdir()
    (run_dir / "link").symlink_to(tmp_path / "secret")
    for path in ("fifo", "folder", "link", "../secret", str(tmp_path / "secret"), "", "none"):
        assert tail(str(run_dir), path, 10).text == "", path
