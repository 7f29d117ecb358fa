"""Descriptors of orders that wait to be sent."""

from __future__ import annotations

import errno
import os
import resource

import pytest

from farm.launcher.client import _copies


def test_where_not_all_can_be_copied_none_is_left():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    before = os.dup(0)
    os.close(before)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before + 2, hard))
    try:
        with pytest.raises(OSError, match="Too many") as caught:
            _copies((0, 1, 2))
        after = os.dup(0)
        os.close(after)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert caught.value.errno == errno.EMFILE
    assert after == before
