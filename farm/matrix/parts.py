"""Parts that several entries of a matrix file have: templates, variables, limits, the words of a shell."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from farm.matrix import schema
from farm.matrix.check import key_place
from farm.matrix.document import Template
from farm.matrix.problems import Problem
from farm.matrix.scalars import VARIABLE
from farm.matrix.source import SourceText
from farm.matrix.tree import Node, Scalar
from farm.model.limits import Limits

DEFAULT_SHELL = ("sh", "-e")


def template(scalar: Scalar) -> Template:
    """What is written in ``scalar``, to be rendered."""
    return Template(scalar.text, scalar.place, scalar.literal)


def env_templates(
    source: SourceText, node: Node, location: tuple[str, ...], env: Mapping[str, Scalar], problems: list[Problem]
) -> tuple[tuple[str, Template], ...]:
    """The variables of one ``env``, which stands at ``location`` below ``node``."""
    for name in env:
        place = key_place(node, (*location, name))
        if not VARIABLE.fullmatch(name):
            remedy = "use letters, digits and '_', not beginning with a digit"
            problems.append(source.problem(place, f"{name!r} is not a name for a variable", remedy))
        elif name.startswith("FARM_"):
            problems.append(
                source.problem(place, f"the farm itself sets {name!r}", "names beginning with FARM_ are its own")
            )
    return tuple((name, template(value)) for name, value in env.items())


def merged_limits(lower: schema.Resources, upper: schema.Resources) -> Limits:
    """The limits of ``upper`` where it says something, else of ``lower``, else the model's own."""
    said = {**lower.model_dump(exclude_none=True), **upper.model_dump(exclude_none=True)}
    base = Limits()
    return Limits(
        cpus=said.get("cpus", base.cpus),
        memory_bytes=said.get("memory", base.memory_bytes),
        pids=said.get("pids", base.pids),
        swap_bytes=said.get("swap", base.swap_bytes),
        disk_bytes=said.get("disk"),
        io_weight=said.get("io_weight"),
    )


def shell_words(source: SourceText, scalar: Scalar | None, problems: list[Problem]) -> tuple[str, ...]:
    """The program and its options, the default where there is none or it is wrong."""
    if scalar is None:
        return DEFAULT_SHELL
    try:
        words = tuple(shlex.split(scalar.text))
    except ValueError as error:
        problems.append(source.problem(scalar.place, f"not the words of a command: {str(error).lower()}"))
        return DEFAULT_SHELL
    if not words or not words[0]:
        remedy = "write it like: sh -e"
        problems.append(source.problem(scalar.place, "a shell is a program and its options", remedy))
        return DEFAULT_SHELL
    return words
