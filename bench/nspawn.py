"""systemd-nspawn, without systemd: an overlay over the root filesystem whose writes go to a tmpfs, and a network of its own.

It does less here than the farm: no quotas (those are units', which only systemd makes), no user namespace, no report; its
own seccomp filter is on.
"""

from __future__ import annotations

from bench.peer import ASLEEP, TRUE, Peer, Place
from bench.spawn import Spawner
from bench.which import required, version


def found(place: Place, spawner: Spawner) -> Peer:
    """systemd-nspawn as a peer. Raises ``FarmError`` where it is not there."""
    program = required("systemd-nspawn", "systemd-container")
    setting = (program, "--quiet", "--register=no", "--keep-unit", "--private-network", "--volatile=overlay")
    setting = (*setting, "--resolv-conf=off", "--timezone=off", "--link-journal=no", "--machine={}")
    setting = (*setting, f"--directory={place.rootfs}")
    return Peer("systemd-nspawn", version(program), spawner, life=(*setting, *TRUE), begin=(*setting, *ASLEEP))
