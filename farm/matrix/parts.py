"""Parts that several entries of a matrix file have: templates, variables, limits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any  # values of fields of Limits

from farm.matrix import schema
from farm.matrix.document import Template
from farm.matrix.tree import Scalar
from farm.model.limits import Limits

DEFAULT_SHELL = ("sh", "-e")
_CALLED = {
    "cpus": "cpus", "memory": "memory_bytes", "pids": "pids", "swap": "swap_bytes", "disk": "disk_bytes",
    "io_weight": "io_weight",
}  # fmt: skip


def template(scalar: Scalar) -> Template:
    """What is written in ``scalar``, to be rendered."""
    return Template(scalar.text, scalar.place, scalar.literal)


def optional(scalar: Scalar) -> Template | None:
    """The same; None where an empty text stands for nothing."""
    return template(scalar) if scalar.text.strip() else None


def variables(env: Mapping[str, Scalar] | None) -> tuple[tuple[str, Template], ...]:
    """One ``env``, in its order."""
    return tuple((name, template(value)) for name, value in (env or {}).items())


def quotas(resources: schema.Resources | None) -> dict[str, Any]:
    """The fields of ``Limits`` that ``resources`` says."""
    said = resources.model_dump(exclude_none=True) if resources is not None else {}
    return {_CALLED[name]: value for name, value in said.items()}


def limits(resources: schema.Resources | None) -> Limits:
    """The limits that ``resources`` says, the model's own where it says nothing."""
    return Limits(**quotas(resources))
