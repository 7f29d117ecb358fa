"""The numbers of descriptors in the child of the zygote: all are known before anything is opened.

======  =============  ======================================================================================================
0 to 2  the zygote's   then copies of ``CHILDREN``, so that nothing opened for a command gets a number it will have
3       ``SLOT``       free once the program has begun by closing it, so what is opened next has it
4       ``OOM``        PID 1's /proc/self/oom_score_adj, opened while it can be
5       ``CHILDREN``   readable when children of PID 1 have ended: a signalfd(2)
6       ``EVENTS``     what PID 1 waits for: an epoll(7) of ``CHILDREN`` and ``CONTROL``
7       ``CONTROL``    the socket to the orchestrator; from here on is what came with the request
8 to 10 ``STDIO``      0, 1 and 2 of the command
11 on   ``FURTHER``    the scratch space's disk, detached mounts, the network to join, the control group
80      ``OWN``        the zygote's socket
81, 82  ``USER_NAMESPACES``
======  =============  ======================================================================================================

The zygote keeps 3 to 6 taken, and 7 to 79 free whenever it is asked for something, so the kernel, which gives the lowest number
that is free, gives these.
"""

SLOT = 3
OOM = 4
CHILDREN = 5
EVENTS = 6
CONTROL = 7
STDIO = (8, 9, 10)
FURTHER = 11
OWN = 80
USER_NAMESPACES = (81, 82)

RESERVED = (SLOT, OOM, CHILDREN, EVENTS)
"""In order."""
