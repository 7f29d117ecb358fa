"""One checked ``prepare`` of a job or of the defaults to a ``PrepareStep``: what is wrong between its fields is found here."""

from __future__ import annotations

from collections.abc import Iterable

from farm.matrix import schema
from farm.matrix.check import place_of
from farm.matrix.document import PrepareStep
from farm.matrix.mounting import host_path, inside, wrong_source, wrong_target
from farm.matrix.parts import limits, template, variables
from farm.matrix.problems import Problem
from farm.matrix.source import SourceText
from farm.matrix.tree import Node
from farm.model.build import Bind, Network

_TIMEOUT_S = 1800.0


def prepare_step(
    source: SourceText, node: Node, location: tuple[str, ...], entry: schema.PrepareEntry, problems: list[Problem]
) -> PrepareStep | None:
    """The step that ``entry`` says, which stands at ``location`` below ``node``; errors are appended to ``problems``.

    None where its script is an empty text: nothing is to be prepared.
    """
    if not entry.run.text.strip():
        return None
    if entry.resources is not None and entry.resources.disk is not None:
        place = place_of(node, (*location, "resources", "disk"))
        remedy = "remove it: what prepare writes becomes an image, on the disk of the farm's folder"
        problems.append(source.problem(place, "the disk of a prepare has no quota", remedy))
    return PrepareStep(
        run=template(entry.run),
        shell=entry.shell or (),
        env=variables(entry.env),
        network=entry.network or Network.NONE,
        binds=_binds(source, entry.mounts or (), problems),
        timeout_s=entry.timeout or _TIMEOUT_S,
        limits=limits(entry.resources),
    )


def _binds(source: SourceText, mounts: Iterable[schema.PrepareMount], problems: list[Problem]) -> tuple[Bind, ...]:
    found: dict[str, Bind] = {}
    for mount in mounts:
        path, target = host_path(source.file, mount.source.text), inside(mount.target.text)
        for scalar, wrong in (
            (mount.source, wrong_source(mount.source.text, path)),
            (mount.target, wrong_target(mount.target.text)),
        ):
            if wrong:
                problems.append(source.problem(scalar.place, *wrong))
        if target in found:
            message = f"something is mounted at {target!r} already"
            problems.append(source.problem(mount.target.place, message, "mount each at a place of its own"))
        found[target] = Bind(path, target)
    return tuple(found.values())
