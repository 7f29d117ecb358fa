"""Which system a tree holds: what its os-release says, or what systems from before there was one put in its place."""

from __future__ import annotations

import re
import shlex

from farm.image.peek import Tree
from farm.values import dataclass

_OS_RELEASE = ("/etc/os-release", "/usr/lib/os-release")
_NUMBER = re.compile(r"[0-9][\w.]*")
_BUSYBOX = re.compile(rb"BusyBox v([0-9][0-9.]*)")
_OLD_NAMES = {
    "centos": "centos",
    "red hat enterprise": "rhel",
    "fedora": "fedora",
    "scientific": "scientific",
    "oracle": "ol",
    "enterprise": "ol",
    "amazon": "amzn",
    "gentoo base system": "gentoo",
}
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Release:
    """``id`` and ``version`` as in os-release(5); ``like`` are the ids of what the system was made from."""

    id: str = ""
    version: str = ""
    pretty_name: str = ""
    like: tuple[str, ...] = ()


def read_release(tree: Tree) -> Release:
    """What system ``tree`` is; empty where nothing says so. All of it is printable and short."""
    for path in _OS_RELEASE:
        given = _assignments(tree.text(path))
        if given.get("ID"):
            like = tuple(given.get("ID_LIKE", "").lower().split())
            return Release(given["ID"].lower(), given.get("VERSION_ID", ""), given.get("PRETTY_NAME", ""), like)
    return next((found for old in _OLD if (found := old(tree)) is not None), Release())


def _redhat(tree: Tree) -> Release | None:
    """``CentOS release 6.10 (Final)``: CentOS and Red Hat before 7, and their kin."""
    for path in ("/etc/centos-release", "/etc/oracle-release", "/etc/system-release", "/etc/redhat-release"):
        text = _first_line(tree.text(path))
        if text:
            return Release(_named(text) or "rhel", _version(text), text, ("rhel", "fedora"))
    return None


def _suse(tree: Tree) -> Release | None:
    """``openSUSE 11.4 (x86_64)``, and further lines such as ``PATCHLEVEL = 4``: SUSE before 12."""
    text = tree.text("/etc/SuSE-release")
    if not text:
        return None
    given = _assignments(text)
    version = ".".join(part for part in (given.get("VERSION", ""), given.get("PATCHLEVEL", "")) if part)
    name = "opensuse" if text.lower().startswith("opensuse") else "sles"
    return Release(name, version, _first_line(text), ("suse",))


def _openwrt(tree: Tree) -> Release | None:
    return _distrib(tree, "/etc/openwrt_release")


def _lsb(tree: Tree) -> Release | None:
    """Ubuntu before 12.04."""
    return _distrib(tree, "/etc/lsb-release")


def _distrib(tree: Tree, path: str) -> Release | None:
    given = _assignments(tree.text(path))
    name = given.get("DISTRIB_ID", "").lower()
    if not name:
        return None
    return Release(name, given.get("DISTRIB_RELEASE", ""), given.get("DISTRIB_DESCRIPTION", ""))


def _alpine(tree: Tree) -> Release | None:
    text = _first_line(tree.text("/etc/alpine-release"))
    return Release("alpine", _version(text), f"Alpine Linux {text}") if text else None


def _gentoo(tree: Tree) -> Release | None:
    text = _first_line(tree.text("/etc/gentoo-release"))
    return Release("gentoo", _version(text), text) if text else None


def _arch(tree: Tree) -> Release | None:
    return Release("arch", "", "Arch Linux") if tree.is_file("/etc/arch-release") else None


def _debian(tree: Tree) -> Release | None:
    """``6.0.10``, or ``squeeze/sid`` where it was not released yet."""
    text = _first_line(tree.text("/etc/debian_version"))
    if not text:
        return None
    return Release("debian", text if _NUMBER.fullmatch(text) else "", f"Debian {text}")


def _busybox(tree: Tree) -> Release | None:
    """Not a system, but all there is of one."""
    for path in ("/bin/busybox", "/usr/bin/busybox", "/bin/sh"):
        found = _BUSYBOX.search(tree.read(path, 4 << 20))
        if found:
            version = found[1].decode().rstrip(".")
            return Release("busybox", version, f"BusyBox {version}")
    return None


# Files of one system lie in those derived from it too: the derived ones come first.
_OLD = (_redhat, _suse, _openwrt, _lsb, _alpine, _gentoo, _arch, _debian, _busybox)


def _named(text: str) -> str:
    return next((name for start, name in _OLD_NAMES.items() if text.lower().startswith(start)), "")


def _version(text: str) -> str:
    found = _NUMBER.search(text)
    return found[0].rstrip(".") if found else ""


def _first_line(text: str) -> str:
    return _clean(text.strip().partition("\n")[0].strip())


def _assignments(text: str) -> dict[str, str]:
    """``NAME=value`` lines, quoted as a shell would have it; spaces around the ``=`` are allowed."""
    values = {}
    for line in text.splitlines():
        name, separator, value = line.partition("=")
        if separator and not name.startswith("#"):
            try:
                values[name.strip()] = _clean("".join(shlex.split(value)[:1]))
            except ValueError:
                continue
    return values


def _clean(text: str) -> str:
    """What an enemy wrote, as far as a terminal and a table can bear it."""
    return "".join(letter for letter in text[:_LONGEST] if letter.isprintable())
