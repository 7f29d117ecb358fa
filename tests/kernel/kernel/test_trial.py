from __future__ import annotations

import os
import platform
import signal
from pathlib import Path

import pytest

from farm.kernel import process, trial, userns
from farm.kernel.probe import Status, checks


def test_what_works_has_nothing_to_say() -> None:
    assert trial.attempt(process.CLONE_NEWNS, lambda: None) == ""


def test_it_runs_in_namespaces_of_its_own() -> None:
    here = os.stat("/proc/self/ns/uts").st_ino

    def action() -> None:
        if os.stat("/proc/self/ns/uts").st_ino == here:
            raise OSError(0, "the same namespace")

    assert trial.attempt(process.CLONE_NEWUTS, action) == ""
    assert "the same namespace" in trial.attempt(0, action)


def test_an_error_comes_back_as_its_text() -> None:
    assert "No such file" in trial.attempt(0, lambda: os.close(os.open("/no/such/file", os.O_RDONLY)))


def test_a_child_that_is_killed_is_a_failure_too() -> None:
    assert trial.attempt(0, lambda: os.kill(os.getpid(), signal.SIGKILL)) == "ended with -9"


def test_no_descriptor_is_left(tmp_path: Path) -> None:
    before = os.listdir("/proc/self/fd")
    trial.attempt(process.CLONE_NEWNS, trial.overlay_on(str(tmp_path)))
    trial.attempt(1 << 63, lambda: None)
    trial.run_i386()
    assert os.listdir("/proc/self/fd") == before


def test_an_overlay_on_a_folder_and_on_none(tmp_path: Path) -> None:
    assert trial.attempt(process.CLONE_NEWNS, trial.overlay_on(str(tmp_path))) == ""
    assert "ENOENT" in trial.attempt(process.CLONE_NEWNS, trial.overlay_on(str(tmp_path / "none")))
    assert os.listdir(tmp_path) == []


def test_a_file_system_that_cannot_be_idmapped_is_told() -> None:
    fd = userns.create_userns(userns.IdMap(0x70000000))
    try:
        assert "mount_setattr" in trial.attempt(process.CLONE_NEWNS, trial.overlay_on("/proc", fd))
    finally:
        os.close(fd)


@pytest.mark.skipif(not os.path.exists("/proc/sys/abi/vsyscall32"), reason="needs CONFIG_IA32_EMULATION")
def test_a_program_for_i386_runs() -> None:
    assert trial.run_i386() == ""


def test_root_finds_nothing_that_stops_containers(tmp_path: Path) -> None:
    found = checks(str(tmp_path / "store"), userns.IdMap(0x70000000))
    assert [each for each in found if each.status is Status.FAIL] == []
    assert all(bool(each.remedy) == (each.status is not Status.OK) for each in found)
    assert len({each.name for each in found}) == len(found)
    assert ("32-bit programs" in {each.name for each in found}) == (platform.machine() == "x86_64")


def test_somebody_else_is_told_what_is_missing(tmp_path: Path) -> None:
    read_fd, write_fd = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            process.become(65534, 65534)
            found = checks(str(tmp_path), userns.IdMap(0x70000000))
            os.write(write_fd, "\n".join(each.name for each in found if each.status is Status.FAIL).encode())
        finally:
            os._exit(0)
    os.close(write_fd)
    with os.fdopen(read_fd) as pipe:
        failed = pipe.read().splitlines()
    os.waitpid(pid, 0)
    assert {"privilege", "namespaces", "overlayfs"} <= set(failed)
