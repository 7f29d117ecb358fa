"""What several places of a file say of one job, laid over each other: the file, ``defaults``, the job, entries of ``include``.

What stands above replaces what stands below as a whole, but for three things: variables and quotas replace each other one by
one, and tags add up.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any  # values of fields of Limits

from farm.matrix.document import Layer, Spec, Test
from farm.model.limits import Limits


def spec(test: Test, includes: Iterable[int]) -> Spec:
    """What a cell of ``test`` is that these of its includes, by their numbers, have something to say to."""
    above = tuple(test.includes[number].layer for number in includes)
    made = cascade((*test.layers, *above))
    return replace(made, shared_env=_env(test.layers[: test.shared]))


def cascade(layers: Sequence[Layer]) -> Spec:
    """``layers``, the lowest first; one of them has ``run``."""
    said: dict[str, Any] = {}
    limits: dict[str, Any] = {}
    for layer in layers:
        said |= layer.said
        limits |= layer.limits
    tags = dict.fromkeys(itertools.chain.from_iterable(layer.tags for layer in layers))
    return Spec(**said, env=_env(layers), limits=Limits(**limits), tags=tuple(tags))


def _env(layers: Iterable[Layer]) -> tuple[Any, ...]:
    return tuple(itertools.chain.from_iterable(layer.env for layer in layers))
