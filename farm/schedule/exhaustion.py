"""Attempts that had no container because the host had nothing left to make one of. Pure."""

from __future__ import annotations

import errno

from farm.model.job import Attempt
from farm.model.outcome import Outcome

# Descriptors of this process, of the host; processes, and with them timers and locks, of the host or of a group around us.
_SPENT = frozenset({errno.EMFILE, errno.ENFILE, errno.EAGAIN})
# Of clone(2) also: namespaces (/proc/sys/user/max_*_namespaces), where it is no full disk.
_SPENT_FOR_CLONE = _SPENT | {errno.ENOSPC, errno.EUSERS}


def exhausted(attempt: Attempt) -> bool:
    """Whether ``attempt`` never had its command run for that reason: later there may be room."""
    failure = attempt.failure
    if attempt.outcome is not Outcome.ERROR or failure is None or attempt.wait_status is not None:
        return False
    return failure.errno in (_SPENT_FOR_CLONE if failure.step == "clone3" else _SPENT)
