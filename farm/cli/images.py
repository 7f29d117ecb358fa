"""``image import|pull|ls|rm|verify|lock`` and ``gc``: the store of root filesystems."""

from __future__ import annotations

import itertools
import json
import os
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from farm.cli import options, tables
from farm.cli.complete import complete_known_distros
from farm.cli.reports import remove_runs
from farm.errors import UsageError
from farm.matrix.problems import printable
from farm.model.plain import fields
from farm.units import format_bytes

if TYPE_CHECKING:
    from farm.image.collect import Rules
    from farm.image.store import Store, Stored
    from farm.model.distro import Image

_DIFFERENCES = 20
_NARROW = (None, 16, 7, 5, 6)
_LOOK = "farm image ls shows their digests"


@click.group()
def image() -> None:
    """The store of unpacked root filesystems."""


@image.command(name="import")
@click.argument("path")
@click.option("--sha256", metavar="HEX", help="The digest that a tarball must have.")
def import_image(path: str, sha256: str | None) -> None:
    """Unpack a tarball or a directory into the store; farm image pull takes addresses."""
    from farm.app.host import id_map, require_root, unpack_limits, writable_store
    from farm.image.resolve import resolve
    from farm.model.distro import Source, SourceKind

    if "://" in path:
        raise UsageError("farm image import takes a path", f"{path} is an address", f"farm image pull {path}")
    if not os.path.exists(path):
        raise UsageError("there is no such tarball or directory", os.path.abspath(path))
    require_root()
    kind = SourceKind.DIRECTORY if os.path.isdir(path) else SourceKind.TARBALL
    source = Source(kind, os.path.abspath(path), sha256)
    found = resolve(source, writable_store(options.home()), id_map(), limits=unpack_limits())
    click.echo(f"{found.digest[:12]}  {printable(found.facts.pretty_name or found.source)}")


@image.command()
@click.argument("references", nargs=-1, required=True, shell_complete=complete_known_distros)
@click.option("--matrix", metavar="FILE", help="Where names are defined; matrix.yaml, if there is one.")
@click.option("--sha256", metavar="HEX", help="The digest that the file must have; for one address or path.")
def pull(references: tuple[str, ...], matrix: str | None, sha256: str | None) -> None:
    """Fetch images into the store, anew where their addresses lead to others by now.

    A REFERENCE is https://..., oci://registry/name:tag, or the name of a distro that the matrix file or a folder of distros
    defines. A run fetches what it lacks by itself, and asks no more for what it has.

    \b
    farm image pull oci://registry.opensuse.org/opensuse/leap:15.6
    """
    from farm.app import pull as app
    from farm.app.distros import find_distro, find_file
    from farm.app.host import require_root, writable_store
    from farm.cli.transfers import transfers

    verified = None if sha256 is None else find_file(references, sha256)
    require_root()
    store = writable_store(options.home())
    for each in references:
        distro = find_distro(each, matrix, options.catalogue()) if verified is None else verified
        with transfers() as told:
            chosen = app.pull(distro, store, told, fresh=True)
        found = chosen.image
        click.echo(f"{found.digest[:12]}  {printable(found.facts.pretty_name or found.source)}")
        how = f"from {chosen.source.path}"
        if chosen.unasked:
            how = "there already, known by its sha256"
        if chosen.why or chosen.unasked:
            why = f", because {chosen.why}" if chosen.why else ""
            click.echo(printable(f"{each}: {how}{why}"), err=True)


@image.command(name="ls")
@options.table_format
@click.option("--json", "as_json", is_flag=True, help="For programs: a list of images, or of distros.")
@click.option("--available", "catalogue", is_flag=True, help="Instead the distros that a matrix file here can name.")
@click.argument("patterns", nargs=-1, metavar="[PATTERN...]")
def list_images(style: str, as_json: bool, catalogue: bool, patterns: tuple[str, ...]) -> None:
    """Show the images of the store, the one used last first.

    With --available the distros of distros/ here, of FARM_DISTROS and of the farm's own catalogue: all of them, or those
    whose names fit a PATTERN.

    \b
    farm image ls --available 'debian-*' alpine-edge
    """
    from farm.app.host import store_at
    from farm.cli import available

    if catalogue:
        available.show(patterns, style, as_json=as_json)
        return
    if patterns:
        raise UsageError("names choose among distros, not among images", "", "farm image ls --available NAME")
    stored = store_at(options.home()).stored()
    if as_json:
        click.echo(json.dumps([_document(each) for each in stored], indent=2))
        return
    header = ("digest", "system", "arch", "size", "used", "source")
    click.echo(tables.table([_row(each) for each in stored], header, style, _NARROW, tables.columns()))


def _document(stored: Stored) -> dict[str, object]:
    image = stored.image
    return {
        "digest": stored.digest,
        "source": image.source if image else "",
        "size_bytes": image.size_bytes if image else 0,
        "disk_bytes": stored.disk_bytes,
        "used_at": stored.used_at,
        "tree": stored.tree,
        "facts": fields(image.facts) if image else {},
        "problem": stored.problem,
    }


def _row(stored: Stored) -> tuple[str, ...]:
    used = _ago(time.time() - stored.used_at)
    if stored.image is None:
        return (stored.digest[:12], "its record cannot be read", "", "", used, "")
    image = stored.image
    size = format_bytes(image.size_bytes)
    return (stored.digest[:12], image.facts.pretty_name, image.facts.arch, size, used, printable(image.source))


def _ago(seconds: float) -> str:
    """``12 s ago``, ``3 h ago``, ``45 d ago``: whole units, the largest that fits twice."""
    for unit, length_s in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length_s:
            return f"{seconds / length_s:.0f} {unit} ago"
    return f"{max(seconds, 0):.0f} s ago"


@image.command(name="rm")
@click.argument("digests", nargs=-1, required=True)
def remove_images(digests: tuple[str, ...]) -> None:
    """Remove images by their digests, or the beginnings of them."""
    from farm.app.host import require_root, store_at

    require_root()
    store = store_at(options.home())
    for digest in dict.fromkeys(each.digest for each in _named(store.stored(), digests)):
        store.remove(digest)


@image.command()
@click.argument("digests", nargs=-1, metavar="[DIGEST...]")
def verify(digests: tuple[str, ...]) -> int:
    """Compare images with what they were when they were imported.

    All of them, or those that are named. The exit code is 1 where one differs.
    """
    from farm.app.host import require_root, store_at

    require_root()
    store = store_at(options.home())
    stored = _named(store.stored(), digests) if digests else store.stored()
    wrong = [each for each in stored if not _is_whole(store, each)]
    return 1 if wrong else 0


@image.command(name="lock")
@click.argument("matrix", default="matrix.yaml")
def lock_images(matrix: str) -> None:
    """Write down which image each distro of MATRIX is now.

    The file is beside MATRIX and named like it: matrix.lock. farm run --locked refuses any other image.
    """
    from farm.app import lock
    from farm.cli.transfers import transfers

    with transfers() as told:
        made = lock.make(matrix, options.home(), options.catalogue(), told)
    for name, each in sorted(made.entries.items()):
        click.echo(f"{each.digest[:12]:12}  {name}")
    click.echo(f"wrote {made.path}")


def _is_whole(store: Store, stored: Stored) -> bool:
    """Whether nothing of the image is known to be wrong; says what was found."""
    from farm.image.store import RemovedError

    found: list[str] = []
    left = 0
    if stored.problem:
        found = [f"its record cannot be read: {stored.problem}"]
    elif not stored.tree:
        click.echo(f"{stored.digest[:12]}  unknown: it was imported by a farm that recorded no tree digest")
        return True
    else:
        try:
            with store.hold(stored.digest, use=False):
                differences = store.differences(stored)
                found = list(itertools.islice(differences, _DIFFERENCES))
                left = sum(1 for _ in differences)
        except RemovedError:
            click.echo(f"{stored.digest[:12]}  was removed meanwhile")
            return True
        except OSError as error:
            found.append(f"{error.filename or 'a file'} cannot be read: {error.strerror}")
    click.echo(f"{stored.digest[:12]}  {f'differs, {len(found) + left} times' if found else 'whole'}")
    for each in found:
        click.echo(f"  {each}")
    if left:
        click.echo(f"  and {left} more")
    return not found


def _named(stored: Sequence[Stored], prefixes: Sequence[str]) -> list[Stored]:
    """The images that ``prefixes`` mean, one each. Raises ``UsageError`` where one means none or several."""
    found = []
    for prefix in prefixes:
        fitting = [each for each in stored if each.digest.startswith(prefix.lower())]
        if not prefix:
            raise UsageError("the digest is empty", "", _LOOK)
        if not fitting:
            raise UsageError(f"no image begins with {prefix!r}", "", _LOOK)
        if len(fitting) > 1:
            listed = "\n".join(
                f"  {each.digest}  {printable(each.image.source) if each.image else ''}" for each in fitting
            )
            raise UsageError(
                f"{len(fitting)} images begin with {prefix!r}", listed, "write more of the one that is meant"
            )
        found.append(fitting[0])
    return found


@click.command()
@click.option("--older-than", type=options.duration, metavar="AGE", help="Also images not used for AGE, like 30d.")
@click.option(
    "--max-size",
    type=options.size,
    metavar="SIZE",
    help="Also images until the rest takes SIZE, those not used for longest first.",
)
@click.option(
    "--keep", type=options.duration, metavar="AGE", help="Also folders of runs; keep those younger than AGE, like 30d."
)
@click.option("--keep-runs", type=click.IntRange(0), metavar="N", help="Also folders of runs; keep the newest N.")
@click.option("--reports", default="reports", show_default=True, metavar="DIR", help="Where the folders of runs are.")
@click.option("--dry-run", is_flag=True, help="Only show what would go.")
def gc(
    older_than: float | None,
    max_size: int | None,
    keep: float | None,
    keep_runs: int | None,
    reports: str,
    dry_run: bool,
) -> None:
    """Remove what dead runs left, images that are not needed, and old reports.

    Of dead runs: their control groups with any process in them, network namespaces, links, and images that were never
    finished. What a live run uses stays, but for the containers of failed jobs that it keeps (farm run --keep failed).

    Folders of runs go only with --keep or --keep-runs: those that neither of them keeps. A run that goes on and the one that
    latest leads to stay, and the history keeps what it knows of all.

    \b
    farm gc --older-than 30d --max-size 20G
    farm gc --keep 30d --keep-runs 50 --dry-run
    """
    from farm.app.host import require_root, store_at
    from farm.image.collect import Rules

    require_root()
    store = store_at(options.home())
    rules = Rules(older_than, max_size)
    removed = _let_go(dry_run=dry_run)
    removed += _show_leftovers(store) if dry_run else _remove_leftovers(store)
    removed += _remove_images(store, rules, dry_run=dry_run)
    if keep is not None or keep_runs is not None:
        removed += remove_runs(reports, keep, keep_runs, dry_run=dry_run)
    if dry_run:
        click.echo("nothing was removed")
    else:
        click.echo(f"{removed} removed" if removed else "nothing was left")


def _called(image: Image) -> str:
    """The system, and of what it is prepared."""
    if not image.facts.pretty_name:
        return printable(image.source)
    _, prepared, command = image.source.partition(", prepared: ")
    return printable(f"{image.facts.pretty_name}{prepared}{command}")


def _let_go(*, dry_run: bool) -> int:
    from farm.app.enter import kept, let_go

    found = kept(options.home()) if dry_run else let_go(options.home())
    for run, jobs in found.items():
        for job in jobs:
            click.echo(f"{'would let go of' if dry_run else 'let go of'} the container of {printable(job)} in {run}")
    return sum(map(len, found.values()))


def _show_leftovers(store: Store) -> int:
    from farm.app.leftovers import listed

    found = listed(store)
    for each in found:
        click.echo(f"would remove {each}")
    return len(found)


def _remove_leftovers(store: Store) -> int:
    from farm.app.leftovers import collect

    found = collect(store)
    for each in found.removed:
        click.echo(f"removed {each}")
    for each in found.kept:
        click.echo(f"kept    {each}: something in it does not end", err=True)
    return len(found.removed)


def _remove_images(store: Store, rules: Rules, *, dry_run: bool) -> int:
    from farm.image.collect import collect, taken_bytes

    now_s = time.time()
    count = freed_bytes = 0
    for each in collect(store, rules, now_s, dry_run=dry_run):
        count += 1
        freed_bytes += each.freed_bytes
        image = each.stored.image
        what = f"image {each.stored.digest[:12]} {_called(image) if image else ''}".rstrip()
        about = f"{format_bytes(each.freed_bytes)}, used {_ago(now_s - each.stored.used_at)}"
        click.echo(f"{'would remove' if dry_run else 'removed'} {what}: {about}")
    if count:
        click.echo(f"{'would free' if dry_run else 'freed'} {format_bytes(freed_bytes)}")
    if rules.most_bytes is not None and not dry_run and (taken := taken_bytes(store)) > rules.most_bytes:
        click.echo(
            f"kept    {format_bytes(taken)} of images in use, more than {format_bytes(rules.most_bytes)}", err=True
        )
    return count
