"""What zygote and client say to each other over a ``SOCK_SEQPACKET`` socket, one message at a time.

To the zygote, from the farm itself: a byte that says what it is, then what ``marshal`` wrote.

==========  ===================================================================  ===========================================
to zygote   fields                                                               descriptors
==========  ===================================================================  ===========================================
CONFIGURE   views, (base, count) of the id map or None, cgroup mounts            -
FILTER      id, seccomp program                                                  -
LAUNCH      ``HEAD``, data, words, order                                         control, 0, 1, 2[, disk][, mounts][, network]
                                                                                 [, cgroup]
==========  ===================================================================  ===========================================

A view is ``(path, writable)``, an order ``(parts, (argv, environment, directory, terminal, identity, keep_root, direct),
hold, freeze)``; see ``birth``, and ``monitor`` for one without an init. Parts, words and data are those of
``farm.container.words``; data comes to lie at the address that the zygote told. From the zygote comes text, its fields
separated by NUL:

==========  ===================================================================  ===========================================
to client   fields                                                               descriptors
==========  ===================================================================  ===========================================
ready       why there is no user namespace, or empty; address of data            user namespaces
unready     message, errno, hint                                                 -
born        id                                                                   pidfd of PID 1
stillborn   id, message, errno, hint                                             -
==========  ===================================================================  ===========================================
"""

from __future__ import annotations

import struct

from farm.errors import KernelError

HEAD = struct.Struct("=Qi??II")
"""Id; number of the cgroup's descriptor, or -1; whether the network is given, and there is no init; bytes of data, of words."""
DATA_AT = 1 + HEAD.size
"""Where data begins in a message."""
MOST_BYTES = 4 << 20
"""The longest message: more than the kernel takes for the arguments and environment of a program with an 8 MiB stack."""

CONFIGURE, FILTER, LAUNCH = 1, 2, 3
READY, UNREADY, BORN, STILLBORN = "ready", "unready", "born", "stillborn"


def text(*fields: object) -> bytes:
    """A message of text."""
    return "\0".join(str(field) for field in fields).encode(errors="replace")


def born(number: int) -> bytes:
    """``text`` of BORN, of fewer objects."""
    return b"born\0%d" % number


def told(error: OSError) -> tuple[str, int, str]:
    """An error's message, errno and hint."""
    return str(error), error.errno or 0, error.hint if isinstance(error, KernelError) else ""
