"""Files that are read again and again, with few descriptors."""

from __future__ import annotations

import errno
import os
import resource

import pytest

from farm.cgroup.kept import Allowance, KeptFiles, allowance
from farm.errors import KernelError


@pytest.fixture
def given():
    allowed = Allowance()
    yield allowed
    allowed.close()


def _open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_what_stands_in_a_file_now_is_read(given, tmp_path):
    kept, path = KeptFiles(given), tmp_path / "counter"
    for text in ("1\n", "22\n", ""):
        path.write_text(text)
        assert kept.read(str(path)) == text


def test_a_text_longer_than_a_page_is_read_whole(given, tmp_path):
    kept, path = KeptFiles(given), tmp_path / "procs"
    path.write_text("1234567\n" * 4096)
    assert kept.read(str(path)) == path.read_text()


def test_each_write_begins_at_the_beginning(given, tmp_path):
    kept, path = KeptFiles(given), tmp_path / "limit"
    path.write_text("")
    kept.write(str(path), "1")
    kept.write(str(path), "2")
    assert path.read_text() == "2"


def test_a_file_is_opened_once_and_closed_with_the_group(given, tmp_path):
    before, left = _open_files(), given.left
    kept, path = KeptFiles(given), tmp_path / "counter"
    path.write_text("1\n")
    for _ in range(3):
        kept.read(str(path))
    assert _open_files() == before + 1
    kept.close()
    kept.close()
    assert (_open_files(), given.left) == (before, left)


def test_where_no_more_may_be_kept_nothing_is(given, tmp_path):
    given.left = 1
    first, second, path = KeptFiles(given), KeptFiles(given), tmp_path / "counter"
    path.write_text("1\n")
    first.read(str(path))
    before = _open_files()
    assert second.read(str(path)) == "1\n"
    second.write(str(path), "2")
    assert (_open_files(), first.read(str(path))) == (before, "2\n")


def test_a_manager_that_closes_leaves_no_descriptor_and_keeps_none(tmp_path):
    before, given, path = _open_files(), Allowance(), tmp_path / "counter"
    path.write_text("1\n")
    kept = [KeptFiles(given) for _ in range(3)]
    for each in kept:
        each.read(str(path))
    given.close()
    assert kept[0].read(str(path)) == "1\n"
    assert _open_files() == before


@pytest.mark.parametrize("left", [0, 8])
def test_what_is_not_there_is_an_error_with_its_path(given, tmp_path, left):
    given.left = left
    with pytest.raises(KernelError) as caught:
        KeptFiles(given).read(str(tmp_path / "none"))
    assert caught.value.errno == errno.ENOENT
    assert given.left == left


def test_few_files_leave_few_to_keep():
    assert allowance(40) == 5
    assert allowance(1024) == 128
    assert allowance(1 << 20) == allowance(resource.RLIM_INFINITY) == 192
