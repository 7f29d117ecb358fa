from __future__ import annotations

import os

import pytest

from farm.kernel.pressure import stalled


def test_what_the_kernel_writes(tmp_path) -> None:
    text = "some avg10=12.34 avg60=0.34 avg300=0.48 total=317867626\nfull avg10=5.00 avg60=0.26 avg300=0.35 total=206640034\n"
    (tmp_path / "memory").write_text(text)
    assert stalled("memory", str(tmp_path)) == (12.34, 5.0)
    (tmp_path / "cpu").write_text(text.splitlines()[0] + "\n")
    assert stalled("cpu", str(tmp_path)) == (12.34, 0.0)


def test_a_kernel_that_does_not_say(tmp_path) -> None:
    assert stalled("io", str(tmp_path)) is None
    (tmp_path / "io").write_text("")
    assert stalled("io", str(tmp_path)) is None


def test_this_kernel() -> None:
    if not os.path.exists("/proc/pressure/memory"):
        pytest.skip("needs a kernel with PSI")
    found = stalled("memory")
    assert found is None or all(0 <= each <= 100 for each in found)
