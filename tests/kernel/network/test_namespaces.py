from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from farm.errors import KernelError
from farm.kernel import proc
from farm.network.namespaces import network_namespace, remove_dead


@pytest.fixture
def directory(tmp_path: Path) -> str:
    return str(tmp_path / "netns")


def network_of(path: str) -> int:
    return os.stat(path).st_ino


def test_it_is_another_namespace_and_goes_with_the_block(directory: str) -> None:
    with network_namespace("one", directory) as path:
        assert network_of(path) != network_of("/proc/self/ns/net")
        assert any(each.mount_point == path and each.fstype == "nsfs" for each in proc.mounts())
    assert os.listdir(directory) == []
    assert not any(each.mount_point.startswith(directory) for each in proc.mounts())


def test_an_error_in_the_block_removes_it_too(directory: str) -> None:
    with pytest.raises(RuntimeError, match="boom"), network_namespace("one", directory):
        raise RuntimeError("boom")
    assert os.listdir(directory) == []


def test_two_live_together_and_a_name_is_used_once(directory: str) -> None:
    with network_namespace("one", directory) as first, network_namespace("two", directory) as second:
        assert network_of(first) != network_of(second)
        with pytest.raises(KernelError) as raised, network_namespace("one", directory):
            pass
        assert raised.value.errno == errno.EEXIST
        assert os.path.exists(first)


@pytest.mark.parametrize("name", ["", "..", ".hidden", "a/b", "/etc"])
def test_b14_a_name_is_one_path_component(directory: str, name: str) -> None:
    with pytest.raises(ValueError, match="not a name"), network_namespace(name, directory):
        pass


def test_what_a_killed_maker_left_is_removed_and_a_live_one_kept(directory: str) -> None:
    ready_read, ready_write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            with network_namespace("dead", directory):
                os.write(ready_write, b"x")
                os.kill(os.getpid(), 9)
        finally:
            os._exit(1)
    os.close(ready_write)
    with network_namespace("alive", directory) as alive:
        try:
            assert os.read(ready_read, 1) == b"x"
        finally:
            os.close(ready_read)
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -9
        assert sorted(os.listdir(directory)) == ["alive", "dead"]
        assert remove_dead(directory) == ("dead",)
        assert os.listdir(directory) == ["alive"]
        assert network_of(alive) != network_of("/proc/self/ns/net")
    assert remove_dead(directory) == ()


def test_a_dead_makers_name_can_be_used_again(directory: str) -> None:
    pid = os.fork()
    if pid == 0:
        try:
            with network_namespace("one", directory):
                os.kill(os.getpid(), 9)
        finally:
            os._exit(1)
    os.waitpid(pid, 0)
    assert os.listdir(directory) == ["one"]
    with network_namespace("one", directory) as path:
        assert network_of(path) != network_of("/proc/self/ns/net")
    assert os.listdir(directory) == []
