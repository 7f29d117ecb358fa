"""``image import|pull|ls|rm`` and ``gc``: the store of root filesystems."""

from __future__ import annotations

import os

import click

from farm.cli import options


@click.group()
def image() -> None:
    """The store of unpacked root filesystems."""


@image.command(name="import")
@click.argument("path", type=click.Path(exists=True))
@click.option("--sha256", metavar="HEX", help="The digest that a tarball must have.")
def import_image(path: str, sha256: str | None) -> None:
    """Unpack a tarball or a directory into the store."""
    from farm.app.host import id_map, require_root, unpack_limits, writable_store
    from farm.image.resolve import resolve
    from farm.model.distro import Source, SourceKind

    require_root()
    kind = SourceKind.DIRECTORY if os.path.isdir(path) else SourceKind.TARBALL
    source = Source(kind, os.path.abspath(path), sha256)
    found = resolve(source, writable_store(options.home()), id_map(), limits=unpack_limits())
    click.echo(f"{found.digest[:12]}  {found.facts.pretty_name or found.source}")


@image.command()
@click.argument("references", nargs=-1, required=True)
@click.option("--matrix", metavar="FILE", help="Where names are defined; matrix.yaml, if there is one.")
def pull(references: tuple[str, ...], matrix: str | None) -> None:
    """Fetch images into the store, anew where their addresses lead to others by now.

    A REFERENCE is https://..., oci://registry/name:tag, or the name of a distro that the matrix file or a folder of distros
    defines. A run fetches what it lacks by itself, and asks no more for what it has.

    \b
    farm image pull oci://registry.opensuse.org/opensuse/leap:15.6
    """
    from farm.app.distros import find_distro
    from farm.app.host import id_map, require_root, unpack_limits, writable_store
    from farm.cli.transfers import transfers
    from farm.image.resolve import resolve

    require_root()
    store = writable_store(options.home())
    for each in references:
        source = find_distro(each, matrix, options.catalogue()).source
        with transfers() as told:
            found = resolve(source, store, id_map(), limits=unpack_limits(), progress=told, fresh=True)
        click.echo(f"{found.digest[:12]}  {found.facts.pretty_name or found.source}")


@image.command(name="ls")
@options.table_format
def list_images(style: str) -> None:
    """Show the images of the store."""
    from tabulate import tabulate

    from farm.image.store import Store
    from farm.units import format_bytes

    rows = [
        (each.digest[:12], each.facts.pretty_name, each.facts.arch, format_bytes(each.size_bytes), each.source)
        for each in Store(options.home()).images()
    ]
    click.echo(tabulate(rows, ("digest", "system", "arch", "size", "source"), tablefmt=style, disable_numparse=True))


@image.command(name="rm")
@click.argument("digests", nargs=-1, required=True)
def remove_images(digests: tuple[str, ...]) -> None:
    """Remove images by their digests, or the beginnings of them."""
    from farm.app.host import require_root
    from farm.errors import UsageError
    from farm.image.store import Store

    require_root()
    store = Store(options.home())
    known = [each.digest for each in store.images()]
    for prefix in digests:
        found = [digest for digest in known if digest.startswith(prefix)]
        if len(found) != 1:
            raise UsageError(f"{prefix!r} names {len(found)} images", "", "farm image ls shows their digests")
        store.remove(found[0])


@click.command()
def gc() -> None:
    """Remove what dead runs left.

    Their control groups with any process in them, network namespaces, links, and images that were never finished. What a
    live run uses stays.
    """
    from farm.app.host import require_root
    from farm.app.leftovers import collect
    from farm.image.store import Store

    require_root()
    found = collect(Store(options.home()))
    for each in found.removed:
        click.echo(f"removed {each}")
    for each in found.kept:
        click.echo(f"kept    {each}: something in it does not end", err=True)
    click.echo(f"{len(found.removed)} removed" if found.removed else "nothing was left")
