"""bubblewrap with ``--unshare-all``: new namespaces, a minimal /dev, /proc, and the root filesystem read-only.

It does less here than the farm: no quotas (it knows no control groups), no seccomp filter, no writable layer, no log, no
report. Started by root its user namespace maps root to the host's root.
"""

from __future__ import annotations

from bench.peer import ASLEEP, TRUE, Peer, Place
from bench.spawn import Spawner
from bench.which import required, version


def found(place: Place, spawner: Spawner) -> Peer:
    """bubblewrap as a peer. Raises ``FarmError`` where it is not there."""
    program = required("bwrap", "bubblewrap")
    setting = (program, "--unshare-all", "--die-with-parent", "--ro-bind", place.rootfs, "/", "--proc", "/proc")
    setting = (*setting, "--dev", "/dev", "--tmpfs", "/tmp", "--cap-drop", "ALL")
    return Peer("bubblewrap", version(program), spawner, life=(*setting, *TRUE), begin=(*setting, *ASLEEP))
