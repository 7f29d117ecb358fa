from __future__ import annotations

import pytest

from farm.model.machine import NAMES, OTHER_NAMES, runs


@pytest.mark.parametrize(
    ("machine", "arch", "said"),
    [
        ("x86_64", "x86_64", True),
        ("x86_64", "i686", True),
        ("x86_64", "i386", True),
        ("i686", "i586", True),
        ("i686", "x86_64", False),
        ("x86_64", "aarch64", False),
        ("aarch64", "armv7l", True),
        ("armv7l", "aarch64", False),
        ("aarch64", "i686", False),
        ("riscv64", "riscv64", True),
        ("something", "something", True),
    ],
)
def test_a_machine_runs_its_own_programs_and_those_of_its_smaller_kind(machine: str, arch: str, said: bool) -> None:
    assert runs(machine, arch) == said


def test_what_others_call_a_machine_is_another_name_for_one_of_them() -> None:
    assert set(OTHER_NAMES.values()) <= set(NAMES)
    assert not set(OTHER_NAMES) & set(NAMES)
