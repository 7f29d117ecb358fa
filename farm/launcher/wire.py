"""What zygote and client say to each other over a ``SOCK_SEQPACKET`` socket, one message at a time.

To the zygote, from the farm itself: a byte that says what it is, then what ``marshal`` wrote.

==========  ===================================================================  ===========================================
to zygote   fields                                                               descriptors
==========  ===================================================================  ===========================================
CONFIGURE   views, (base, count) of the id map or None, cgroup mounts            -
FILTER      id, seccomp program                                                  -
LAUNCH      id (8 bytes), cgroup, network is given, no init (a byte each), order [cgroup,] control, 0, 1, 2[, disk][, mounts]
                                                                                 [, network]
==========  ===================================================================  ===========================================

A view is ``(path, writable)``, an order ``(program, (argv, environment, directory, terminal, identity, keep_root, direct),
hold, freeze)``; see ``birth``, and ``monitor`` for one without an init. From the zygote comes text, fields separated by NUL:

==========  ===================================================================  ===========================================
to client   fields                                                               descriptors
==========  ===================================================================  ===========================================
ready       why there is no user namespace, or empty                             user namespaces
unready     message, errno, hint                                                 -
born        id                                                                   pidfd of PID 1
stillborn   id, message, errno, hint                                             -
==========  ===================================================================  ===========================================
"""

from __future__ import annotations

from farm.errors import KernelError

MOST_BYTES = 4 << 20
"""The longest message: more than the kernel takes for the arguments and environment of a program with an 8 MiB stack."""

CONFIGURE, FILTER, LAUNCH = 1, 2, 3
READY, UNREADY, BORN, STILLBORN = "ready", "unready", "born", "stillborn"


def text(*fields: object) -> bytes:
    """A message of text."""
    return "\0".join(str(field) for field in fields).encode(errors="replace")


def told(error: OSError) -> tuple[str, int, str]:
    """An error's message, errno and hint."""
    return str(error), error.errno or 0, error.hint if isinstance(error, KernelError) else ""
