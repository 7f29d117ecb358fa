"""Scripts that need no shell: what a POSIX shell would do with them is known without one.

``sh -e -c "/usr/bin/true --x"`` starts a process that starts another one and waits. Where the script is one command, named
by its path, whose words nothing would be expanded in, that command alone does the same for half the price, as make(1) has
always done. Where it cannot be started the shell is, and says why in its own words.
"""

from __future__ import annotations

import functools
import os
import re

_SHELLS = frozenset({"sh", "bash", "dash", "ash", "ksh"})
_HARMLESS = re.compile(r"-[eu]+")  # not -x, which would print the command, nor -l, which would read a profile
_COMMAND = re.compile(r"/[A-Za-z0-9_./+-]+(?: +[A-Za-z0-9_./:=,@%+-]+)*")


@functools.lru_cache(maxsize=64)
def words(argv: tuple[str, ...], script: str) -> tuple[str, ...]:
    """What ``argv`` (a shell, its options, ``-c``, ``script``) comes to without the shell; empty where that is not plain."""
    if len(argv) < 3:
        return ()
    shell, *options = argv[:-2]
    if argv[-2:] != ("-c", script) or os.path.basename(shell) not in _SHELLS:
        return ()
    if not all(_HARMLESS.fullmatch(option) for option in options):
        return ()
    stripped = script.strip(" \n")
    return tuple(stripped.split()) if _COMMAND.fullmatch(stripped) else ()
