"""What a container may use, and what it did use."""

from __future__ import annotations

from farm.values import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Quotas of one container, held by its control group.

    ``cpus`` is cores' worth of time (0.5 is 50 ms in each 100 ms); ``memory_bytes`` bounds memory and the tmpfs scratch
    space together; ``swap_bytes`` is swap beyond that memory; ``disk_bytes`` asks for a disk-backed scratch space of
    that size; ``io_weight`` is 1 to 10000 (100 is a fair share).
    """

    cpus: float = 1.0
    memory_bytes: int = 512 << 20
    pids: int = 256
    swap_bytes: int = 0
    disk_bytes: int | None = None
    io_weight: int | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """What a control group counted over one attempt.

    ``oom_kills`` is the kernel's own count of processes it killed for memory in this group, and ``limit_hits`` how often the
    group reached its own limit: without that, such a kill was not for its quota. ``pids_refused`` counts forks that hit the
    pids limit; a counter the host cannot give is None.
    """

    cpu_s: float | None = None
    memory_peak_bytes: int | None = None
    throttled_s: float | None = None
    throttled_periods: int | None = None
    oom_kills: int | None = None
    pids_refused: int | None = None
    limit_hits: int | None = None
