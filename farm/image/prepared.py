"""Prepared images: what a command wrote over an image becomes a layer of another one.

A prepared image is named by what it is made from: the digest of its base, the command, its environment, what it could reach
of the network, and the contents of what was bound into it. Its own folder holds the layer alone; the base is another image,
which whoever uses it holds as well::

    store/<digest>/layers/upper, upper1, ...   one for each overlay of the base
    store/<digest>/log                         what the command printed
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from dataclasses import field

from farm.errors import ImageError
from farm.image.advice import advice
from farm.image.building import carry_out, layers, weighed
from farm.image.digests import DigestCache
from farm.image.limits import UnpackLimits
from farm.image.progress import Said
from farm.image.record import Details
from farm.image.store import Staging, Store
from farm.image.unpacking import Stopped
from farm.model.build import UPPER, Bind, Build, Network
from farm.model.distro import Image, Overlay
from farm.model.limits import Limits
from farm.model.ports import Builder
from farm.model.reference import HOST
from farm.values import dataclass

_FORMAT = 1  # of what is made here: layers of another format are not taken for these
_LAYERS = "layers"
_GIST_CHARACTERS = 60
_MOST_BYTES = UnpackLimits().total_bytes


@dataclass(frozen=True, slots=True)
class Preparation:
    """A command that prepares an image: ``argv`` is the shell and the ``script``, ``name`` the distro's.

    ``called`` says in messages which of the distro's prepared images it is, where that needs saying.
    """

    name: str
    script: str
    argv: tuple[str, ...]
    env: tuple[tuple[str, str], ...] = ()
    network: Network = Network.NONE
    binds: tuple[Bind, ...] = ()
    timeout_s: float = 1800.0
    limits: Limits = field(default_factory=Limits)
    called: str = ""


def prepared(
    base: Image,
    wanted: Preparation,
    store: Store,
    builder: Builder,
    stopped: Stopped,
    said: Said,
    most_bytes: int = _MOST_BYTES,
) -> tuple[Image, bool]:
    """``base`` with what ``wanted`` wrote over it, from the store or made now; whether it was made now.

    Of several processes that want it one makes it, and the others wait. Raises ``BuildError`` where the command failed
    or wrote files of more than ``most_bytes``, ``RemovedError`` where ``base`` is gone.
    """
    digest = key(base, wanted, store, stopped)
    with store.hold(base.digest, use=False):
        found = store.lookup(digest)
        if found is not None:
            return _over(found, base), False
        with store.making(digest, stopped) as staging:
            if staging is not None:
                return _over(_made(base, wanted, digest, staging, store, builder, said, most_bytes), base), True
        found = store.lookup(digest)
        if found is None:
            raise ImageError(f"image {digest[:12]} was removed", wanted.name, "run it again to prepare it anew")
        return _over(found, base), False


def key(base: Image, wanted: Preparation, store: Store, stopped: Stopped) -> str:
    """The digest of the image: everything that decides what is in it. Limits and names do not."""
    cache = DigestCache(store.digests_dir)
    for each in wanted.binds:
        if os.path.commonpath((store.home, os.path.realpath(each.source))) in (
            store.home,
            os.path.realpath(each.source),
        ):
            raise ImageError(f"a prepare cannot mount {each.source}", "it holds the farm's own folder, or is in it")
    bound = [(each.target, _content(each.source, cache, stopped)) for each in wanted.binds]
    given = [_FORMAT, base.digest, wanted.argv, wanted.env, wanted.network, bound]
    return hashlib.sha256(json.dumps(given).encode("utf-8", "surrogateescape")).hexdigest()


def _content(path: str, cache: DigestCache, stopped: Stopped) -> str:
    try:
        if os.path.isdir(path):
            return cache.of_tree(path, stopped)[0]
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            # Its mode as well: a script that may be run now is another one.
            return f"{os.fstat(fd).st_mode:o} {cache.of_file(fd, path, stopped)}"
        finally:
            os.close(fd)
    except OSError as error:
        raise ImageError(f"cannot read {path}, which a prepare mounts", str(error)) from error


def _made(
    base: Image,
    wanted: Preparation,
    digest: str,
    staging: Staging,
    store: Store,
    builder: Builder,
    said: Said,
    most_bytes: int,
) -> Image:
    scratch = os.path.join(staging.path, _LAYERS)
    os.mkdir(scratch, 0o755)
    build = Build(
        name=f"prepare of {wanted.called or wanted.name}",
        hostname=f"prepare of {wanted.name}",
        overlays=base.overlays,
        argv=wanted.argv,
        scratch_dir=scratch,
        env=wanted.env,
        network=wanted.network,
        binds=wanted.binds,
        timeout_s=wanted.timeout_s,
        limits=wanted.limits,
        arch=base.facts.arch,
    )
    on_host = base.source == HOST
    carry_out(
        build,
        digest,
        staging,
        store,
        builder,
        said,
        lambda lines: advice(wanted.script, lines, wanted.network, on_host=on_host),
    )
    fd = os.open(scratch, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        names = layers(fd, len(base.overlays), UPPER)
    finally:
        os.close(fd)
    overlays = tuple(
        Overlay(each.target, (os.path.join(scratch, name), *each.lowers))
        for each, name in zip(base.overlays, names, strict=True)
    )
    size_bytes = base.size_bytes + weighed(build, scratch, digest, staging, store, most_bytes)
    image = Image(digest, f"{base.source}, prepared: {_gist(wanted.script)}", overlays, base.facts, size_bytes)
    return store.commit(staging, image, Details(time.time()))


def _gist(script: str) -> str:
    """The first line of ``script`` that does something, for people who have several images before them."""
    lines = (" ".join(line.split()) for line in script.splitlines())
    line = next((line for line in lines if line and not line.startswith(("#", "set "))), "nothing")
    return line if len(line) <= _GIST_CHARACTERS else f"{line[: _GIST_CHARACTERS - 1]}…"


def _over(image: Image, base: Image) -> Image:
    """``image`` with the layers of ``base`` where they are now: the store may have moved since it was made."""
    overlays = tuple(
        Overlay(each.target, (each.lowers[0], *below.lowers))
        for each, below in zip(image.overlays, base.overlays, strict=True)
    )
    return Image(image.digest, image.source, overlays, image.facts, image.size_bytes)
