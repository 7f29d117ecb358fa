"""Facts of trees made for it: every package manager, systems from before os-release, and trees that lie."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from farm.image.facts import read_facts
from farm.model.distro import Facts

ELF = b"\x7fELF\x02\x01" + bytes(12) + (62).to_bytes(2, "little")
GLIBC = b"GNU C Library (GNU libc) stable release version 2.12, by Roland McGrath et al.\n"
EGLIBC = b"GNU C Library (Debian EGLIBC 2.11.3-4) stable release version 2.11.3, by Roland McGrath et al.\n"


def tree(top: Path, files: dict[str, bytes | str]) -> Path:
    """Files by their paths; text is where a symbolic link leads."""
    for path, content in files.items():
        at = top / path
        at.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str):
            at.symlink_to(content)
        else:
            at.write_bytes(content)
    return top


def release(**values: str) -> bytes:
    return "".join(f'{name}="{value}"\n' for name, value in values.items()).encode()


SYSTEMS: dict[str, tuple[dict[str, bytes | str], Facts]] = {
    "centos-6": (
        {
            "etc/centos-release": b"CentOS release 6.10 (Final)\n",
            "etc/redhat-release": "centos-release",
            "usr/bin/yum": b"#!/usr/bin/python\n",
            "bin/sh": ELF,
            "lib64/libc.so.6": "libc-2.12.so",
            "lib64/libc-2.12.so": bytes(100) + GLIBC,
            "sbin/init": b"\x7fELF /com/ubuntu/upstart",
        },
        Facts(
            "centos", "6.10", "CentOS release 6.10 (Final)", "redhat", "yum", "glibc", "2.12", "x86_64",
            "yum install -y", "upstart",
        ),
    ),
    "rhel-5": (
        {"etc/redhat-release": b"Red Hat Enterprise Linux Server release 5.11 (Tikanga)\n", "etc/inittab": b"",
         "sbin/init": b"INIT"},
        Facts("rhel", "5.11", "Red Hat Enterprise Linux Server release 5.11 (Tikanga)", "redhat", init="sysvinit"),
    ),
    "debian-6, debian_version only": (
        {
            "etc/debian_version": b"6.0.10\n",
            "usr/bin/apt-get": b"",
            "lib/i386-linux-gnu/libc.so.6": EGLIBC,
        },
        Facts(
            "debian", "6.0.10", "Debian 6.0.10", "debian", "apt", "glibc", "2.11",
            install="apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends",
            init="none",
        ),
    ),
    "debian unreleased": (
        {"etc/debian_version": b"squeeze/sid\n"},
        Facts("debian", "", "Debian squeeze/sid", "debian", init="none"),
    ),
    "ubuntu-10.04": (
        {
            "etc/lsb-release": release(DISTRIB_ID="Ubuntu", DISTRIB_RELEASE="10.04", DISTRIB_DESCRIPTION="Ubuntu 10.04.4"),
            "etc/debian_version": b"squeeze/sid\n",
        },
        Facts("ubuntu", "10.04", "Ubuntu 10.04.4", "debian", init="none"),
    ),
    "sles-11": (
        {"etc/SuSE-release": b"SUSE Linux Enterprise Server 11 (x86_64)\nVERSION = 11\nPATCHLEVEL = 4\n",
         "usr/bin/zypper": b""},
        Facts(
            "sles", "11.4", "SUSE Linux Enterprise Server 11 (x86_64)", "suse", "zypper",
            install="zypper --non-interactive install --no-recommends", init="none",
        ),
    ),
    "busybox only": (
        {"bin/busybox": ELF + b" BusyBox v1.36.1 (2023)", "bin/sh": "busybox", "bin/init": "busybox"},
        Facts("busybox", "1.36.1", "BusyBox 1.36.1", arch="x86_64", init="busybox"),
    ),
    "openwrt": (
        {
            "etc/os-release": "../usr/lib/os-release",
            "usr/lib/os-release": release(ID="openwrt", VERSION_ID="23.05.3", ID_LIKE="lede openwrt"),
            "bin/opkg": b"",
            "lib/ld-musl-mips-sf.so.1": b"\0" + b"1.2.4\0",
            "bin/busybox": b"\x7fELF\x01\x02" + bytes(12) + (8).to_bytes(2, "big"),
            "bin/sh": "busybox",
            "sbin/init": b"\x7fELF procd: ",
        },
        Facts(
            "openwrt", "23.05.3", "", "openwrt", "opkg", "musl", "1.2.4", "mips", "opkg update && opkg install", "procd",
        ),
    ),
    "openwrt-10.03": (
        {
            "etc/openwrt_release": b'DISTRIB_ID="OpenWrt"\nDISTRIB_RELEASE="10.03"\nDISTRIB_DESCRIPTION="OpenWrt Backfire"\n',
            "lib/ld-uClibc.so.0": "ld-uClibc-0.9.30.1.so",
            "lib/ld-uClibc-0.9.30.1.so": b"",
            "bin/busybox": b"BusyBox v1.15.3",
            "sbin/init": "../bin/busybox",
        },
        Facts("openwrt", "10.03", "OpenWrt Backfire", "openwrt", "", "uclibc", "0.9.30.1", init="busybox"),
    ),
    "buildroot": (
        {"etc/os-release": release(ID="buildroot"), "lib/ld-uClibc.so.1": "ld64-uClibc-1.0.45.so",
         "lib/ld64-uClibc-1.0.45.so": b""},
        Facts("buildroot", libc="uclibc", libc_version="1.0.45", init="none"),
    ),
    "arch": (
        {"etc/arch-release": b"", "usr/bin/pacman": b"", "usr/lib/systemd/systemd": b"",
         "usr/bin/init": "../lib/systemd/systemd"},
        Facts(
            "arch", "", "Arch Linux", "arch", "pacman", install="pacman -Sy --noconfirm --needed", init="systemd"
        ),
    ),
    "void": (
        {"etc/os-release": release(ID="void"), "usr/bin/xbps-install": b"", "usr/bin/runit-init": b"",
         "usr/bin/init": "runit-init"},
        Facts("void", family="void", package_manager="xbps", install="xbps-install -Sy", init="runit"),
    ),
    "gentoo": (
        {"etc/gentoo-release": b"Gentoo Base System release 2.14\n", "usr/bin/emerge": b"", "sbin/openrc": b"",
         "sbin/init": b"INIT", "etc/inittab": b""},
        Facts(
            "gentoo", "2.14", "Gentoo Base System release 2.14", "gentoo", "emerge",
            install="emerge --quiet --noreplace", init="openrc",
        ),
    ),
    "alpine with openrc and libc6-compat": (
        {"etc/alpine-release": b"2.7.9\n", "sbin/apk": b"", "lib/libc.so.6": "ld-musl-x86_64.so.1",
         "lib/ld-musl-x86_64.so.1": b"\x000.9.15\x00", "sbin/openrc": b"", "sbin/init": "/bin/busybox",
         "bin/busybox": b"BusyBox v1.21.1"},
        Facts(
            "alpine", "2.7.9", "Alpine Linux 2.7.9", "alpine", "apk", "musl", "0.9.15",
            install="apk add --no-cache", init="openrc",
        ),
    ),
    "wolfi": (
        {"etc/os-release": release(ID="wolfi", VERSION_ID="20230201"), "usr/bin/apk": b"", "lib/libc.so.6": GLIBC},
        Facts("wolfi", "20230201", "", "wolfi", "apk", "glibc", "2.12", install="apk add --no-cache", init="none"),
    ),
    "ubi-minimal": (
        {"etc/os-release": release(ID="rhel", VERSION_ID="9.4", ID_LIKE="fedora"), "usr/bin/microdnf": b""},
        Facts("rhel", "9.4", "", "redhat", "microdnf", install="microdnf install -y", init="none"),
    ),
    "fedora with apt beside dnf": (
        {"etc/os-release": release(ID="fedora", VERSION_ID="40"), "usr/bin/dnf": b"", "usr/bin/yum": "dnf",
         "usr/bin/apt-get": b""},
        Facts("fedora", "40", "", "redhat", "dnf", install="dnf install -y", init="none"),
    ),
    "photon": (
        {"etc/os-release": release(ID="photon", VERSION_ID="5.0"), "usr/bin/tdnf": b"", "usr/bin/yum": "tdnf"},
        Facts("photon", "5.0", "", "redhat", "tdnf", install="tdnf install -y", init="none"),
    ),
    "derived from debian": (
        {"usr/lib/os-release": release(ID="Pop", VERSION_ID="22.04", ID_LIKE="ubuntu debian")},
        Facts("pop", "22.04", family="debian", init="none"),
    ),
    "systemd without its link": (
        {"lib/systemd/systemd": b"", "usr/bin/env": ELF},
        Facts(arch="x86_64", init="systemd"),
    ),
    "nothing": ({}, Facts(init="none")),
}  # fmt: skip


@pytest.mark.parametrize("name", SYSTEMS)
def test_facts_of(tmp_path: Path, name: str) -> None:
    files, wanted = SYSTEMS[name]
    assert read_facts(str(tree(tmp_path, files))) == wanted


def test_what_an_enemy_writes_is_printable_and_short(tmp_path: Path) -> None:
    name = "\x1b]0;owned\x07" + "x" * 5000
    tree(tmp_path, {"etc/os-release": f"ID='a\x1b[2J'\nPRETTY_NAME='{name}'\nVERSION_ID='1\nBROKEN='\n".encode()})
    facts = read_facts(str(tmp_path))
    assert facts.id == "a[2j"
    assert facts.pretty_name.isprintable()
    assert len(facts.pretty_name) < 250


@pytest.mark.parametrize("kind", ["fifo", "folder", "loop", "out", "binary", "deep"])
def test_trees_that_lie_cost_a_fact_and_nothing_else(tmp_path: Path, kind: str) -> None:
    outside = tmp_path / "outside"
    outside.write_bytes(release(ID="stolen"))
    top = tmp_path / "top"
    for path in ("etc/os-release", "bin/sh", "sbin/init", "usr/bin/apt-get", "lib/libc.so.6"):
        at = top / path
        at.parent.mkdir(parents=True, exist_ok=True)
        if kind == "fifo":
            os.mkfifo(at)
        elif kind == "folder":
            at.mkdir()
        elif kind == "loop":
            at.symlink_to(at.name)
        elif kind == "out":
            at.symlink_to(os.path.relpath(outside, at.parent))
        elif kind == "binary":
            at.write_bytes(b"\x7fELF\xff=\xff'\0" * 1000)
        else:
            at.symlink_to("x/" * 2000)
    found = read_facts(str(top))
    assert found.id == ""
    assert found.libc_version == ""


def test_a_folder_or_a_fifo_is_no_package_manager(tmp_path: Path) -> None:
    (tmp_path / "usr/bin/apt-get").mkdir(parents=True)
    os.mkfifo(tmp_path / "usr/bin/yum")
    assert read_facts(str(tmp_path)).package_manager == ""


@pytest.mark.parametrize(
    ("content", "libc"),
    [
        (ELF + b"\0No error information\0", "musl"),
        (ELF + b"\0glibc-ld.so.cache1.1\0", "glibc"),
        (ELF + b"\0Success\0", ""),
        (b"#!/bin/true\nNo error information\0", ""),
    ],
)
def test_a_static_program_may_tell_its_libc_but_no_version(tmp_path: Path, content: bytes, libc: str) -> None:
    tree(tmp_path, {"bin/busybox": content, "bin/sh": "busybox"})
    facts = read_facts(str(tmp_path))
    assert (facts.libc, facts.libc_version) == (libc, "")


def test_a_library_that_is_there_goes_before_what_a_program_holds(tmp_path: Path) -> None:
    tree(tmp_path, {"bin/sh": ELF + b"\0No error information\0", "lib64/libc.so.6": GLIBC})
    assert read_facts(str(tmp_path)).libc == "glibc"
