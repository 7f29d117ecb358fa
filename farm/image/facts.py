"""What an image says of itself, read without following a link out of it."""

from __future__ import annotations

import re
from typing import Literal

from farm.image.peek import Tree
from farm.image.release import Release, read_release
from farm.model.distro import Facts
from farm.values import dataclass


@dataclass(frozen=True, slots=True)
class _Manager:
    """A package manager by its ``program``; ``family`` is that of systems which have it."""

    program: str
    name: str
    family: str
    install: str


_APT = "apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends"
_MANAGERS = (
    _Manager("apt-get", "apt", "debian", _APT),
    _Manager("zypper", "zypper", "suse", "zypper --non-interactive install --no-recommends"),
    _Manager("dnf", "dnf", "redhat", "dnf install -y"),
    _Manager("microdnf", "microdnf", "redhat", "microdnf install -y"),
    _Manager("tdnf", "tdnf", "redhat", "tdnf install -y"),
    _Manager("yum", "yum", "redhat", "yum install -y"),
    _Manager("apk", "apk", "alpine", "apk add --no-cache"),
    _Manager("pacman", "pacman", "arch", "pacman -Sy --noconfirm --needed"),
    _Manager("xbps-install", "xbps", "void", "xbps-install -Sy"),
    _Manager("emerge", "emerge", "gentoo", "emerge --quiet --noreplace"),
    _Manager("opkg", "opkg", "openwrt", "opkg update && opkg install"),
)
_FAMILIES = {
    "debian": "debian", "ubuntu": "debian", "devuan": "debian", "raspbian": "debian", "linuxmint": "debian",
    "rhel": "redhat", "fedora": "redhat", "centos": "redhat", "rocky": "redhat", "almalinux": "redhat", "ol": "redhat",
    "amzn": "redhat", "scientific": "redhat", "photon": "redhat", "azurelinux": "redhat", "mariner": "redhat",
    "suse": "suse", "opensuse": "suse", "sles": "suse", "sled": "suse", "sle_hpc": "suse",
    "opensuse-leap": "suse", "opensuse-tumbleweed": "suse", "alpine": "alpine", "wolfi": "wolfi",
    "chainguard": "wolfi", "arch": "arch", "archarm": "arch", "manjaro": "arch", "void": "void", "gentoo": "gentoo",
    "openwrt": "openwrt",
}  # fmt: skip
_MACHINES = {
    (3, "little"): "i686", (8, "big"): "mips", (8, "little"): "mips", (20, "big"): "ppc", (21, "big"): "ppc64",
    (21, "little"): "ppc64le", (22, "big"): "s390x", (40, "little"): "armv7l", (62, "little"): "x86_64",
    (183, "little"): "aarch64", (243, "little"): "riscv64", (258, "little"): "loongarch64",
}  # fmt: skip
_PROGRAMS = ("/bin/sh", "/usr/bin/sh", "/bin/busybox", "/usr/bin/env", "/sbin/init", "/usr/bin/bash")
_BINARIES = ("/usr/bin", "/bin", "/usr/sbin", "/sbin")
_LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64")
_LIBRARY_BYTES = 8 << 20
_GLIBC = re.compile(rb"GNU (?:C|E?GLIBC)[^\n]*?version (\d+\.\d+)|EGLIBC (\d+\.\d+)")
_MUSL = re.compile(rb"\x00([01]\.\d+\.\d+)\x00")
_UCLIBC = re.compile(r"(?:ld(?:64)?-|lib)uClibc-(\d+(?:\.\d+)+)\.so")
# What only the library itself holds, and any program that it is linked into and that can print an error: musl's name for
# error 0 (src/errno/__strerror.h), the cache that glibc's loader reads (also that of a static program, for dlopen).
_STATIC_MARKS = ((b"No error information\0", "musl"), (b"glibc-ld.so.cache", "glibc"))
_INIT_NAMES = {"systemd": "systemd", "openrc-init": "openrc", "runit-init": "runit", "runit": "runit"}
_INIT_MARKS = ((b"BusyBox v", "busybox"), (b"upstart", "upstart"), (b"procd", "procd"))


def read_facts(rootfs: str) -> Facts:
    """The facts of the tree at ``rootfs``; empty strings for what it does not say. Never raises for what is in it."""
    with Tree(rootfs) as tree:
        release = read_release(tree)
        family = _family(release)
        manager = _manager(tree, family)
        libc, version = _libc(tree)
        return Facts(
            id=release.id,
            version=release.version,
            pretty_name=release.pretty_name,
            family=family or (manager.family if manager else ""),
            package_manager=manager.name if manager else "",
            libc=libc,
            libc_version=version,
            arch=next((arch for path in _PROGRAMS if (arch := _arch(tree.read(path, 20)))), ""),
            init=_init(tree),
            install=manager.install if manager else "",
        )


def _family(release: Release) -> str:
    return next((_FAMILIES[name] for name in (release.id, *release.like) if name in _FAMILIES), "")


def _manager(tree: Tree, family: str) -> _Manager | None:
    """The one of the system's own family before others, which may be installed beside it."""
    found = [each for each in _MANAGERS if any(tree.is_file(f"{at}/{each.program}") for at in _BINARIES)]
    return next((each for each in found if each.family == family), found[0] if found else None)


def _libc(tree: Tree) -> tuple[str, str]:
    below = [f"{at}/{name}" for at in ("/lib", "/usr/lib") for name in tree.names(at) if "-linux-" in name]
    listed = [(folder, tree.names(folder)) for folder in (*_LIBRARIES, *below)]
    # Alpine may have libc.so.6 beside its own, for programs made elsewhere: the loader of musl goes first.
    for folder, names in listed:
        loader = next((name for name in names if name.startswith("ld-musl-")), None)
        if loader is not None:
            found = _MUSL.search(tree.read(f"{folder}/{loader}", _LIBRARY_BYTES))
            return "musl", found[1].decode() if found else ""
    for folder, names in listed:
        if any(name.startswith(("ld-uClibc", "ld64-uClibc")) for name in names):
            versions = [each[1] for name in names if (each := _UCLIBC.match(name))]
            return "uclibc", versions[0] if versions else ""
        if "libc.so.6" in names:
            glibc = _GLIBC.search(tree.read(f"{folder}/libc.so.6", _LIBRARY_BYTES))
            return "glibc", (glibc[1] or glibc[2]).decode() if glibc else ""
    return _static_libc(tree), ""


def _static_libc(tree: Tree) -> str:
    """The library that the image's programs have in themselves, where it has none beside them; empty where nothing tells."""
    contents = (tree.read(path, _LIBRARY_BYTES) for path in _PROGRAMS)
    programs = (content for content in contents if content[:4] == b"\x7fELF")
    return next((libc for content in programs for mark, libc in _STATIC_MARKS if mark in content), "")


def _init(tree: Tree) -> str:
    """What would be process 1 if the image were booted."""
    path = next((found for at in ("/sbin", "/usr/sbin", "/bin", "/usr/bin") if tree.is_file(found := f"{at}/init")), "")
    if not path:
        # Images made for containers often have systemd, but not the link that would boot it.
        whole = any(tree.is_file(f"{at}/systemd/systemd") for at in ("/usr/lib", "/lib"))
        return "systemd" if whole else "none"
    if known := _INIT_NAMES.get(tree.program(path)):
        return known
    if any(tree.is_file(f"{at}/openrc") for at in _BINARIES):
        return "openrc"  # started by whatever is process 1 there: BusyBox on Alpine, sysvinit on Gentoo
    content = tree.read(path, _LIBRARY_BYTES)
    marked = next((name for mark, name in _INIT_MARKS if mark in content), "")
    return marked or ("sysvinit" if tree.is_file("/etc/inittab") else "")


def _arch(header: bytes) -> str:
    if header[:4] != b"\x7fELF":
        return ""
    order: Literal["big", "little"] = "big" if header[5:6] == b"\2" else "little"
    return _MACHINES.get((int.from_bytes(header[18:20], order), order), "")
