"""What an image says of itself, read without following a link out of it."""

from __future__ import annotations

import os
import re
import shlex

from farm.errors import KernelError
from farm.kernel.files import openat2
from farm.model.distro import Facts

_MANAGERS = (
    (
        "apt-get",
        "apt",
        "debian",
        "apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends",
    ),
    ("zypper", "zypper", "suse", "zypper --non-interactive install --no-recommends"),
    ("dnf", "dnf", "redhat", "dnf install -y"),
    ("yum", "yum", "redhat", "yum install -y"),
    ("apk", "apk", "alpine", "apk add --no-cache"),
    ("pacman", "pacman", "arch", "pacman -Sy --noconfirm"),
    ("xbps-install", "xbps", "void", "xbps-install -Sy"),
    ("opkg", "opkg", "openwrt", "opkg install"),
)
_MACHINES = {3: "i686", 40: "armv7l", 62: "x86_64", 183: "aarch64", 243: "riscv64"}
_BINARIES = ("/usr/bin", "/bin", "/usr/sbin", "/sbin")
_GLIBC = re.compile(rb"GNU (?:C|E?GLIBC)[^\n]*?version (\d+\.\d+)|EGLIBC (\d+\.\d+)")


def read_facts(rootfs: str) -> Facts:
    """The facts of the tree at ``rootfs``; empty strings for what it does not say. Never raises for what is in it."""
    root = os.open(rootfs, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        release = _release(_read(root, "/etc/os-release") or _read(root, "/usr/lib/os-release"))
        manager = next((each for each in _MANAGERS if any(_there(root, f"{at}/{each[0]}") for at in _BINARIES)), None)
        libc, version = _libc(root)
        return Facts(
            id=release.get("ID", _old_id(root)),
            version=release.get("VERSION_ID", ""),
            pretty_name=release.get("PRETTY_NAME", ""),
            family=manager[2] if manager else "",
            package_manager=manager[1] if manager else "",
            libc=libc,
            libc_version=version,
            arch=_arch(_read(root, "/bin/sh", 20)),
            install=manager[3] if manager else "",
        )
    finally:
        os.close(root)


def _release(text: bytes) -> dict[str, str]:
    values = {}
    for line in text.decode(errors="replace").splitlines():
        name, separator, value = line.partition("=")
        if separator and not name.startswith("#"):
            try:
                values[name.strip()] = "".join(shlex.split(value)[:1])
            except ValueError:
                continue
    return values


def _old_id(root: int) -> str:
    """For images older than os-release, and BusyBox, which has none."""
    for path, name in (
        ("/etc/centos-release", "centos"),
        ("/etc/redhat-release", "rhel"),
        ("/etc/alpine-release", "alpine"),
        ("/etc/SuSE-release", "suse"),
        ("/etc/debian_version", "debian"),
        ("/bin/busybox", "busybox"),
    ):
        if _there(root, path):
            return name
    return ""


def _libc(root: int) -> tuple[str, str]:
    for folder in ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/lib/x86_64-linux-gnu", "/lib/i386-linux-gnu"):
        names = _list(root, folder)
        if any(name.startswith("ld-musl-") for name in names):
            found = re.search(rb"\x00(1\.\d+\.\d+)\x00", _read(root, f"{folder}/{_first(names, 'ld-musl-')}", 2 << 20))
            return "musl", found[1].decode() if found else ""
        if "libc.so.6" in names:
            found = _GLIBC.search(_read(root, f"{folder}/libc.so.6", 8 << 20))
            return "glibc", (found[1] or found[2]).decode() if found else ""
        if any(name.startswith("ld-uClibc") for name in names):
            return "uclibc", ""
    return "", ""


def _first(names: list[str], prefix: str) -> str:
    return next(name for name in names if name.startswith(prefix))


def _arch(header: bytes) -> str:
    return _MACHINES.get(int.from_bytes(header[18:20], "little"), "") if header[:4] == b"\x7fELF" else ""


def _read(root: int, path: str, most: int = 1 << 16) -> bytes:
    try:
        fd = openat2(root, path, os.O_RDONLY | os.O_NONBLOCK)
    except KernelError:
        return b""
    try:
        return os.read(fd, most)
    except OSError:
        return b""
    finally:
        os.close(fd)


def _list(root: int, path: str) -> list[str]:
    try:
        fd = openat2(root, path, os.O_RDONLY | os.O_DIRECTORY)
    except KernelError:
        return []
    try:
        return os.listdir(fd)
    finally:
        os.close(fd)


def _there(root: int, path: str) -> bool:
    try:
        os.close(openat2(root, path, os.O_PATH))
    except KernelError:
        return False
    return True
