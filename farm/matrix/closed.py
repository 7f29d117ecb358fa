"""What the models of a file have in common."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict


class Closed(BaseModel):
    """A mapping of known keys; ``-`` in the file is ``_`` here."""

    NEEDED: ClassVar[frozenset[str]] = frozenset()
    """Keys without a sound value for which there is no use in looking at the rest."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, defer_build=True, alias_generator=lambda name: name.replace("_", "-")
    )
