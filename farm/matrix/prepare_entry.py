"""One checked ``prepare`` of a job or of the defaults to a ``PrepareStep``: what is wrong between its fields is found here."""

from __future__ import annotations

import os
from collections.abc import Iterable

from farm.matrix import schema
from farm.matrix.check import place_of
from farm.matrix.document import PrepareStep
from farm.matrix.parts import env_templates, merged_limits, shell_words, template
from farm.matrix.problems import Problem
from farm.matrix.source import SourceText
from farm.matrix.tree import Node, Scalar
from farm.model.build import Bind

_TIMEOUT_S = 1800.0
_KERNELS_OWN = ("/proc", "/sys", "/dev")


def prepare_step(
    source: SourceText, node: Node, location: tuple[str, ...], entry: schema.PrepareEntry, problems: list[Problem]
) -> PrepareStep:
    """The step that ``entry`` says, which stands at ``location`` below ``node``; errors are appended to ``problems``."""
    if entry.resources.disk is not None:
        place = place_of(node, (*location, "resources", "disk"))
        remedy = "remove it: what prepare writes becomes an image, on the disk of the farm's folder"
        problems.append(source.problem(place, "the disk of a prepare has no quota", remedy))
    return PrepareStep(
        run=template(entry.run),
        shell=shell_words(source, entry.shell, problems) if entry.shell else (),
        env=env_templates(source, node, (*location, "env"), entry.env, problems),
        network=entry.network,
        binds=_binds(source, entry.mounts, problems),
        timeout_s=entry.timeout or _TIMEOUT_S,
        limits=merged_limits(schema.Resources(), entry.resources),
    )


def _binds(source: SourceText, mounts: Iterable[schema.PrepareMount], problems: list[Problem]) -> tuple[Bind, ...]:
    found: dict[str, Bind] = {}
    for mount in mounts:
        path = os.path.abspath(os.path.join(os.path.dirname(source.file), mount.source.text))
        target = "/" + os.path.normpath(mount.target.text).lstrip("/")
        for scalar, wrong in (
            (mount.source, _source(mount.source, path)),
            (mount.target, _target(mount.target, target)),
        ):
            if wrong:
                problems.append(source.problem(scalar.place, *wrong))
        if target in found:
            message = f"something is mounted at {target!r} already"
            problems.append(source.problem(mount.target.place, message, "mount each at a place of its own"))
        found[target] = Bind(path, target)
    return tuple(found.values())


def _source(scalar: Scalar, path: str) -> tuple[str, str] | None:
    """What is wrong with a source, as message and remedy."""
    if os.path.realpath(path) == "/":
        return f"{scalar.text!r} is this host's own root", "mount only what the command needs"
    if not os.path.exists(path):
        remedy = f"paths are relative to the file they are in: looked for {path}"
        return f"no file or directory {scalar.text!r}", remedy
    if not os.path.isdir(path) and not os.path.isfile(path):
        return f"{scalar.text!r} is neither a file nor a directory", "its content decides whether an image is the same"
    if _is_kernels(os.path.realpath(path)):
        return f"{scalar.text!r} is the kernel's own, and nothing that lies on a disk", "copy what is needed to a file"
    return None


def _target(scalar: Scalar, target: str) -> tuple[str, str] | None:
    """What is wrong with a target, as message and remedy."""
    if not scalar.text.startswith("/"):
        return f"a target is an absolute path in the container, not {scalar.text!r}", "write it like /src"
    if ".." in scalar.text.split("/"):
        return f"'..' in the target {scalar.text!r}", "write where it leads"
    if target == "/":
        return "the root of the container is its image", "choose a folder below it, like /src"
    if _is_kernels(target):
        return f"nothing can be mounted at {target!r}", "/proc, /sys and /dev are the container's own"
    return None


def _is_kernels(path: str) -> bool:
    return any(path == each or path.startswith(f"{each}/") for each in _KERNELS_OWN)
