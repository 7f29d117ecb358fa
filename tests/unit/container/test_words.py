"""Programs in machine words, performed for real where the calls change nothing."""

from __future__ import annotations

import ctypes
import errno
import os
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.container.sequences import pivoted
from farm.container.setup import Setup, SetupError, StuckError
from farm.container.words import failed, joined, piece
from farm.errors import FarmError
from farm.kernel.libc import AT_FDCWD

arguments = st.lists(st.integers(-(1 << 63), (1 << 63) - 1) | st.binary() | st.none(), max_size=6).map(tuple)
programs = st.lists(
    st.tuples(st.text(), st.sampled_from(("mount", "close")), arguments)
    | st.tuples(st.text(), st.sampled_from(("make_alike", "attach")), st.just(("/",))),
    max_size=8,
).map(tuple)
ADDRESS = 0x7000_0000_0000


@given(st.lists(programs, max_size=4))
def test_words_lead_to_the_arguments_and_parts_keep_the_order(given):
    data, words, parts = joined(map(piece, given), ADDRESS)
    rows = iter(zip(*[iter(array("l", words))] * 7, strict=True))
    order = iter(call for each in given for call in each)
    for part in parts:
        if not isinstance(part, int):
            assert next(order) == part
            continue
        for _ in range(part):
            _, _, wanted = next(order)
            for word, argument in zip(next(rows)[1:], (*wanted, *(0,) * (6 - len(wanted))), strict=True):
                if isinstance(argument, bytes):
                    at = word - ADDRESS
                    assert data[at : at + len(argument) + 1] == argument + b"\0"
                else:
                    assert word == (argument or 0)
    assert next(rows, None) is None
    assert next(order, None) is None


def performed(*calls):
    pieces = [piece(tuple(calls))]
    size = len(joined(pieces, 0)[0])
    buffer = ctypes.create_string_buffer(size)
    data, words, parts = joined(pieces, ctypes.addressof(buffer))
    buffer[:size] = data
    Setup({}).perform(parts, memoryview(words))
    return pieces


def test_system_calls_do_what_their_names_say(tmp_path):
    place, link = os.fsencode(tmp_path / "made"), os.fsencode(tmp_path / "link")
    performed(
        ("make", "mkdirat", (AT_FDCWD, place, 0o700)),
        ("link", "symlinkat", (b"somewhere", AT_FDCWD, link)),
    )
    assert (tmp_path / "made").is_dir()
    assert os.readlink(link) == b"somewhere"


def test_a_working_directory_that_is_not_the_root_is_an_error(tmp_path, monkeypatch):
    *_, check = pivoted("/")
    monkeypatch.chdir("/")
    performed(("check", *check))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StuckError) as caught:
        performed(("check", *check))
    assert caught.value.number == errno.ERANGE


def test_the_first_call_that_fails_is_told_and_is_the_last(tmp_path):
    missing, after = os.fsencode(tmp_path / "no/such"), tmp_path / "after"
    calls = (
        ("one", "umask", (0o022,)),
        ("two", "mkdirat", (AT_FDCWD, missing, 0o700)),
        ("three", "mkdirat", (AT_FDCWD, os.fsencode(after), 0o700)),
    )
    old = os.umask(0o022)
    try:
        with pytest.raises(StuckError) as caught:
            performed(*calls)
    finally:
        os.umask(old)
    assert (caught.value.position, caught.value.number) == (1, errno.ENOENT)
    assert not after.exists()
    step, error = failed([piece(calls)], 1, errno.ENOENT)
    assert step == "two"
    assert str(error) == f"mkdirat(-100, {tmp_path}/no/such, 448): ENOENT (No such file or directory)"


def test_positions_count_system_calls_alone():
    calls = (("a", "umask", (0,)), ("b", "attach", (0, "/")), ("c", "mount", (b"x", b"/", b"nonsense", 0, None)))
    step, error = failed([piece(calls)], 1, errno.ENODEV)
    assert (step, error.hint) == ("c", "this kernel has no nonsense file system")
    with pytest.raises(IndexError):
        failed([piece(calls)], 2, 0)


def test_a_method_that_fails_names_its_step():
    with pytest.raises(SetupError, match="a step") as caught:
        performed(("a step", "bind_inside", ("/no/such", "/", "/", 0)))
    assert isinstance(caught.value.__cause__, OSError)
    assert caught.value.__cause__.errno == errno.ENOENT


def test_a_call_that_no_machine_has_is_refused():
    with pytest.raises(FarmError, match="no number"):
        piece((("a", "no_such_call", ()),))
