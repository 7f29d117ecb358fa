"""``doctor``: what this host can do."""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING

import click

from farm.cli import options

if TYPE_CHECKING:
    from farm.kernel.probe import Check

_LEAST_FREE_BYTES = 2 << 30
_COLUMNS = 60


@click.command()
@options.table_format
@click.option("--json", "as_json", is_flag=True, help="For programs: a list of checks.")
def doctor(style: str, as_json: bool) -> int:
    """Check what this host can do.

    Says what is missing and what to do about it. The exit code is 1 where no container could run.
    """
    from tabulate import tabulate

    # Only this command needs the probes, and pyroute2 among them takes a third of a second.
    from farm.kernel.probe import Status

    found = _checks(options.home())
    if as_json:
        rows = [{"name": c.name, "status": c.status, "detail": c.detail, "remedy": c.remedy} for c in found]
        click.echo(json.dumps(rows, indent=2))
    else:
        cells = [(each.name, each.status, each.detail, each.remedy) for each in found]
        # Wrapped where a person reads it; formats for documents have no cells of several lines.
        widths = [None, None, _COLUMNS, _COLUMNS] if style in ("simple", "plain") else None
        click.echo(tabulate(cells, ("check", "", "found", "what to do"), tablefmt=style, maxcolwidths=widths))
    return 1 if any(each.status is Status.FAIL for each in found) else 0


def _checks(home: str) -> list[Check]:
    # Not through farm.app: that needs libseccomp, and it is for us to say that it is missing.
    from farm.kernel import probe
    from farm.kernel.subids import id_map

    store = os.path.join(home, "store")
    # Before pyroute2, which may start threads: the kernel's checks are made in copies of this one.
    ids = id_map(_text("/etc/subuid"), _text("/etc/subgid"))
    return [*probe.checks(store, ids), *_control_groups(), *_networks(), _libseccomp(), _folder(home), _space(home)]


def _control_groups() -> list[Check]:
    from farm.cgroup.detect import open_hierarchies
    from farm.kernel.probe import Check, Status, check

    remedy = "mount cgroup2 on /sys/fs/cgroup, writable, and run as root"
    try:
        manager = open_hierarchies(f"farm/doctor-{os.getpid()}")
    except OSError as error:
        return [Check("control groups", Status.FAIL, str(error), remedy)]
    try:
        missing = manager.missing
        found = [check("control groups", "", f"{manager.mode}", "")]
    finally:
        manager.close()
    return found + [Check("quotas", Status.WARN, each, "enable that controller at boot") for each in missing]


def _networks() -> list[Check]:
    from farm.kernel.probe import Status, check
    from farm.network.probe import isolated_failure, loopback_failure

    remedy = "run as root; containers bring up their loopback in the same way"
    lacking = "modprobe veth bridge nf_tables nft_masq nft_ct nft_reject_ipv4; until then network: isolated is an error"
    return [
        check("network", loopback_failure(), "a loopback in a namespace of its own", remedy),
        check("isolated network", isolated_failure(), "veth, bridge and nftables", lacking, Status.WARN),
    ]


def _libseccomp() -> Check:
    from farm.kernel.probe import check

    try:
        # Importing it loads libseccomp.so.2, which pip does not install.
        import pyseccomp  # noqa: F401
    except (ImportError, OSError, RuntimeError) as error:
        return check("libseccomp", str(error), "", "install libseccomp2 (Debian), libseccomp (others)")
    return check("libseccomp", "", "compiles the filters", "")


def _folder(home: str) -> Check:
    from farm.image.store import unusable
    from farm.kernel.probe import check

    return check("folder", unusable(home), f"images are kept in {home}", "name another folder in FARM_HOME")


def _space(home: str) -> Check:
    from farm.kernel.probe import Status, check, existing
    from farm.units import format_bytes

    free = shutil.disk_usage(existing(home)).free
    failure = "" if free >= _LEAST_FREE_BYTES else f"only {format_bytes(free)} free in {home}"
    return check("space", failure, f"{format_bytes(free)} free in {home}", "free some, or set FARM_HOME", Status.WARN)


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
