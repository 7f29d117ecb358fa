"""What may help where a prepare failed, told by its script and the end of what it printed: pure.

Advice that does not fit sends people the wrong way, so there is none unless something speaks for it.
"""

from __future__ import annotations

import re

from farm.model.build import Network

_NO_NETWORK = "it had no network: if it needs one, write prepare: {run: ..., network: host}"
_HOST = (
    "the host image has an empty /var, so its package manager knows no packages: "
    "prepare a distro of its own, such as debian-13"
)
_UNREACHED = re.compile(
    "|".join(
        (
            r"(failure|error|unable|failed|could not|couldn't|cannot|can't) (in |to )?(resolv|connect)",
            r"(unknown|bad) (host|address)|name or service not known|name does not resolve|(failure|error) in name resolution",
            r"dns lookup error|nodename nor servname|no address associated",
            r"network is (unreachable|down)|no route to host|connection (refused|failed|timed out)",
            r"(fetch|download)\w* .*error|(could not|failed to|cannot|unable to) (fetch|download|retrieve|synchronize)",
            r"cannot prepare internal mirrorlist|no more mirrors to try|unable to (locate package|select packages)",
        )
    ),
    re.IGNORECASE,
)
"""As apt, apk, dnf, zypper, pacman, opkg, curl, wget, git, Python and the C library say it."""

_MANAGERS = "apt|apt-get|aptitude|dpkg|dnf|microdnf|tdnf|yum|rpm|zypper|apk|pacman|xbps-install|emerge|opkg"
_INSTALLS = re.compile(rf"(^|[\s;&|(/])({_MANAGERS})\s")
_DATABASE = re.compile(rf"/var/(lib|cache|log|tmp)\b|unable to locate package|(^|[\s/])({_MANAGERS}): ", re.IGNORECASE)


def advice(script: str, lines: list[str], network: Network, *, on_host: bool) -> str:
    """A remedy, or nothing. ``lines`` are the last ones that the command printed; ``on_host``: on the host image."""
    printed = "\n".join(lines)
    if on_host and (_INSTALLS.search(script) or _DATABASE.search(printed)):
        return _HOST
    if network is Network.NONE and _UNREACHED.search(printed):
        return _NO_NETWORK
    return ""
