"""The values of a job's secrets: from the farm's own environment, at the moment of an attempt, and kept nowhere."""

from __future__ import annotations

from collections.abc import Mapping

from farm.errors import FarmError


def values(names: tuple[str, ...], environment: Mapping[str, str]) -> dict[str, str]:
    """The value of each of ``names``. Raises ``FarmError`` naming those that ``environment`` does not have."""
    missing = [name for name in names if name not in environment]
    if missing:
        raise FarmError(
            f"the farm's environment has no {', '.join(missing)}",
            "the job names it as a secret",
            "export it and run again",
        )
    return {name: environment[name] for name in names}
