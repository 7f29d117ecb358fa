"""How a distribution's own tool makes a root filesystem of packages."""

from __future__ import annotations

from farm.values import dataclass


@dataclass(frozen=True, slots=True)
class Recipe:
    """What mmdebstrap, dnf or zypper is asked for.

    ``manager`` is ``apt``, ``dnf`` or ``zypper``; ``release`` its suite or release version; ``repositories`` are addresses,
    the main one first. ``components`` are apt's. ``keyring`` names the package that holds the keys of the repositories, or is
    the address of a key. ``packages`` are what the system is made of; with apt, what it has beyond the smallest one.
    """

    manager: str
    release: str
    repositories: tuple[str, ...]
    components: tuple[str, ...] = ()
    keyring: str = ""
    packages: tuple[str, ...] = ()
