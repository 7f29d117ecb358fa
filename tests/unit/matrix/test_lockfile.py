from __future__ import annotations

from pathlib import Path

import pytest

from farm.matrix.lockfile import Locked, lock_path, locked, moved, read_lock, render, unlocked
from farm.matrix.problems import MatrixError
from farm.model.distro import Distro, Facts, Image, Source, SourceKind

LOCK = {"b": Locked("1" * 64, "images/b é: #.tar"), "a": Locked("host", "host")}


def test_what_is_written_is_what_is_read_and_sorted(tmp_path: Path) -> None:
    path = tmp_path / "matrix.lock"
    path.write_text(render(LOCK))
    assert read_lock(str(path)) == LOCK
    assert render(dict(reversed(LOCK.items()))) == render(LOCK)
    assert path.read_text().index("  a:") < path.read_text().index("  b:")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the file is empty"),
        ("[]", "lock file"),
        ("version: 2\ndistros: {}", "version '2'"),
        ("version: 1\ndistros: {a: {digest: abc, source: x}}", "not a sha256"),
        ("version: 1\ndistros: {a: {digest: host}}", "no key 'source'"),
        ("version: 1\ndistros: {a: {digest: host, source: x, more: y}}", "unknown key 'more'"),
    ],
)
def test_a_wrong_lock_file_is_a_usage_error(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "matrix.lock").write_text(text)
    with pytest.raises(MatrixError, match=r"matrix\.lock has 1 error") as caught:
        read_lock(str(tmp_path / "matrix.lock"))
    assert said in caught.value.detail


def test_a_lock_file_that_is_not_there_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(MatrixError) as caught:
        read_lock(str(tmp_path / "matrix.lock"))
    assert "farm image lock" in caught.value.detail


def test_what_is_recorded_of_a_distro() -> None:
    image = Image("2" * 64, "elsewhere", (), Facts())
    tarball = Distro("a", (Source(SourceKind.TARBALL, "/work/images/a.tar"), Source(SourceKind.URL, "https://b/a.tar")))
    assert locked(tarball, image, "/work") == Locked("2" * 64, "images/a.tar")
    second = Image("2" * 64, "https://b/a.tar", (), Facts())
    assert locked(tarball, second, "/work") == Locked("2" * 64, "https://b/a.tar")
    own = Image("2" * 64, "host", (), Facts())
    assert locked(Distro("own", (Source(SourceKind.HOST),)), own, "/work") == Locked("host", "host")


def test_each_distro_that_is_refused_is_named() -> None:
    assert unlocked(["a", "c"], LOCK) == ("c is not in the lock file",)
    (said,) = moved({"a": Locked("host", "host"), "b": Locked("3" * 64, "b.tar")}, LOCK, {})
    assert "1" * 64 in said
    assert "3" * 64 in said
    assert moved({"a": Locked("1" * 64, "a.tar")}, LOCK, {}) == (f"a is locked to host, and is now {'1' * 64} (a.tar)",)


def test_its_name_is_that_of_the_matrix() -> None:
    assert lock_path("a/nightly.yaml") == "a/nightly.lock"


def test_what_was_tried_is_below_the_sentence() -> None:
    (said,) = moved({"a": Locked("1" * 64, "a.tar")}, LOCK, {"a": ("a.tar: it is 1", "oci://x\x1b: 404")})
    assert said.splitlines()[1:] == ["  tried a.tar: it is 1", "  tried oci://x\\x1b: 404"]
