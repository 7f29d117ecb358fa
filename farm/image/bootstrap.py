"""Root filesystems made of a distribution's packages, by its own tool, in a container of the host image.

The host is not changed: the tool runs on a throw-away copy of it, with the host's network, and writes into a folder of the
store. Which image a recipe led to is remembered as that of an address is, so it is made once; its digest is that of its tree,
since two bootstraps are never quite the same.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import time

from farm.errors import ImageError
from farm.image import host, trees
from farm.image.building import carry_out, weighed
from farm.image.facts import read_facts
from farm.image.limits import UnpackLimits
from farm.image.progress import Said
from farm.image.recipes import DATABASES, HOST_DATABASES, TARGET, script
from farm.image.record import Details
from farm.image.remembered import Known, recall, remember
from farm.image.store import Staging, Store
from farm.image.unpacking import Stopped
from farm.model.build import Bind, Build, Network
from farm.model.distro import Image, Overlay, Source
from farm.model.limits import Limits
from farm.model.plain import fields
from farm.model.ports import Builder
from farm.model.recipe import Recipe

_TIMEOUT_S = 3600.0
_MEMORY_BYTES = 2 << 30
_PIDS = 1024
_SCRATCH = "scratch"
_PROXIES = ("http_proxy", "https_proxy", "ftp_proxy", "no_proxy")
_REMEDY = "look at the log, and whether this machine reaches the repository"


def bootstrapped(source: Source, store: Store) -> Image | None:
    """The image that the recipe of ``source`` led to before, if the store has it."""
    found = recall(store.references_dir, _address(source))
    return store.lookup(found.digest) if found is not None else None


def bootstrap(
    source: Source,
    store: Store,
    builder: Builder,
    stopped: Stopped,
    said: Said,
    limits: UnpackLimits,
    *,
    fresh: bool = False,
) -> Image:
    """The image of the recipe of ``source``, from the store unless ``fresh``, or made now.

    Of several processes that want it one makes it, and the others take what that one made. Raises ``BuildError`` where the
    tool failed, or made more than ``limits`` allow to one archive.
    """
    recipe = source.recipe
    if recipe is None:
        raise ImageError(f"{source.path} has no recipe")
    before = bootstrapped(source, store)
    if before is not None and not fresh:
        return before
    with store.making(_key(source), stopped) as staging:
        made = bootstrapped(source, store)
        if made is not None and (before is None or made.digest != before.digest):
            return made  # by another process, while we waited
        if staging is None:
            raise ImageError(f"an image has the name of the {source.path}", "", "remove it: farm image rm")
        image = _made(source, recipe, staging, store, builder, said, limits)
        remember(store.references_dir, _address(source), Known(image.digest))
        return image


def _made(
    source: Source,
    recipe: Recipe,
    staging: Staging,
    store: Store,
    builder: Builder,
    said: Said,
    limits: UnpackLimits,
) -> Image:
    root, scratch = os.path.join(staging.path, "rootfs"), os.path.join(staging.path, _SCRATCH)
    for folder in (root, scratch):
        os.mkdir(folder, 0o755)
    below = host.resolve(store)
    with store.hold(below.digest):
        given = script(recipe, below.facts.install, _foreign(source.arch))
        build = Build(
            name=source.path,
            overlays=below.overlays,
            argv=("/bin/sh", "-ec", given),
            scratch_dir=scratch,
            env=_environment(),
            network=Network.HOST,
            binds=(Bind(root, TARGET, writable=True), *_databases()),
            timeout_s=_TIMEOUT_S,
            limits=Limits(cpus=float(os.cpu_count() or 1), memory_bytes=_MEMORY_BYTES, pids=_PIDS),
        )
        carry_out(build, _key(source), staging, store, builder, said, lambda _: _REMEDY)
    trees.remove(staging.fd, _SCRATCH)
    if not any(os.path.lexists(os.path.join(root, each)) for each in ("usr", "bin")):
        raise ImageError(f"the {source.path} left no root filesystem", "", _REMEDY)
    size_bytes = weighed(build, root, _key(source), staging, store, limits.total_bytes)
    image = Image("", source.path, (Overlay("/", (root,)),), read_facts(root), size_bytes)
    return store.commit(staging, image, Details(time.time()))


def _databases() -> tuple[Bind, ...]:
    return tuple(Bind(path, DATABASES + path) for path in HOST_DATABASES if os.path.isdir(path))


def _environment() -> tuple[tuple[str, str], ...]:
    """The way to the network, as the host's own tools would be told it."""
    proxies = {name: value for name, value in os.environ.items() if name.lower() in _PROXIES}
    return tuple({"LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive", **proxies}.items())


def _foreign(arch: str) -> str:
    return arch if arch != platform.machine() else ""


def _key(source: Source) -> str:
    return hashlib.sha256(_address(source).encode("utf-8", "surrogateescape")).hexdigest()


def _address(source: Source) -> str:
    return f"bootstrap:{json.dumps([source.recipe, _foreign(source.arch)], default=fields, sort_keys=True)}"
