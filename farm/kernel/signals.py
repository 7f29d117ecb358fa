"""Signals without ``signal``, which brings enum along: the zygote's memory is copied for every container."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # typeshed knows only what is documented

SIGINT: int = _signal.SIGINT
SIGKILL: int = _signal.SIGKILL
SIGCHLD: int = _signal.SIGCHLD
SIGCONT: int = _signal.SIGCONT
SIGSTOP: int = _signal.SIGSTOP


def settable() -> set[int]:
    """Every signal whose disposition can be changed."""
    return {int(each) for each in _signal.valid_signals()} - {_signal.SIGKILL, _signal.SIGSTOP}


def ignore(signum: int) -> None:
    """Ignore ``signum`` from here on."""
    _signal.signal(signum, _signal.SIG_IGN)


def default(*signums: int) -> None:
    """Do by default what each of ``signums`` does by default from here on."""
    for signum in signums:
        _signal.signal(signum, _signal.SIG_DFL)


def unblock() -> None:
    """Let every signal through to this thread."""
    _signal.pthread_sigmask(_signal.SIG_SETMASK, ())


def send(pidfd: int, signum: int) -> None:
    """Signal the process that ``pidfd`` is, if it is there still."""
    try:
        _signal.pidfd_send_signal(pidfd, signum)
    except ProcessLookupError:
        pass
