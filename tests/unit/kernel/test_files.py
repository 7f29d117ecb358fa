"""Opening a path inside a directory, while names change elsewhere."""

from __future__ import annotations

import errno
import os
import subprocess
import sys

import pytest

from farm.kernel import files

RENAMING = """
import os, sys
print(flush=True)
while True:
    os.rename(sys.argv[1], sys.argv[2])
    os.rename(sys.argv[2], sys.argv[1])
"""


@pytest.fixture
def top(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "link").symlink_to("../../../../a/b")
    fd = os.open(tmp_path, os.O_PATH | os.O_DIRECTORY)
    yield fd
    os.close(fd)


def test_a_path_upwards_is_opened_though_others_rename_all_the_time(top, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "one").touch()
    command = [sys.executable, "-c", RENAMING, str(elsewhere / "one"), str(elsewhere / "two")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as renaming:
        try:
            assert renaming.stdout is not None
            renaming.stdout.readline()
            for _ in range(20_000):
                os.close(files.openat2(top, "/a/b/../../a/link/../b", os.O_PATH))
        finally:
            renaming.kill()


@pytest.mark.parametrize(
    ("path", "resolve", "number"),
    [
        ("/none", files.RESOLVE_IN_ROOT, errno.ENOENT),
        ("a/link", files.RESOLVE_BENEATH, errno.EXDEV),
        ("a/link", files.RESOLVE_NO_SYMLINKS, errno.ELOOP),
    ],
)
def test_other_failures_are_told_at_once(top, path, resolve, number):
    with pytest.raises(OSError, match="openat2") as caught:
        files.openat2(top, path, os.O_PATH, resolve=resolve)
    assert caught.value.errno == number


def test_the_kernels_file_systems(top):
    assert files.file_system(top) not in files.KERNEL_FILE_SYSTEMS
    fd = os.open("/proc", os.O_PATH | os.O_DIRECTORY)
    try:
        assert files.file_system(fd) in files.KERNEL_FILE_SYSTEMS
    finally:
        os.close(fd)
