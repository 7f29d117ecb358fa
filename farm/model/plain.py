"""The model's values as dicts, without the deep copies of ``dataclasses.asdict``, which cost more than the JSON itself."""

from __future__ import annotations

from typing import Any  # whatever the fields hold


def fields(value: Any) -> dict[str, Any]:
    """The fields of a slotted dataclass by name, as they are; as ``default`` of ``json.dumps`` it takes whole trees apart.

    Raises ``TypeError`` for anything else.
    """
    try:
        return {name: getattr(value, name) for name in value.__slots__}
    except AttributeError:
        raise TypeError(f"{type(value).__name__} is no value of the model") from None
