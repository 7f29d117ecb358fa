"""Placeholder: the real one comes with the builder of containers."""
# ruff: noqa: ARG001

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from farm.errors import ImageError
from farm.image.store import Store
from farm.image.unpacking import Stopped
from farm.model.build import Bind, Network
from farm.model.distro import Image
from farm.model.limits import Limits
from farm.model.ports import Builder


class BuildError(ImageError):
    """A command that failed; ``log_path`` is its whole log."""

    def __init__(self, brief: str, detail: str = "", remedy: str = "", log_path: str = "") -> None:
        super().__init__(brief, detail, remedy)
        self.log_path = log_path


@dataclass(frozen=True, slots=True)
class Preparation:
    """A ``Prepare`` whose script is rendered; ``name`` is for messages and the host name: the distro's."""

    name: str
    script: str
    argv: tuple[str, ...]
    env: tuple[tuple[str, str], ...]
    network: Network
    binds: tuple[Bind, ...]
    timeout_s: float
    limits: Limits


def prepared(
    base: Image,
    wanted: Preparation,
    store: Store,
    builder: Builder,
    stopped: Stopped,
    said: Callable[[str, str], None],
) -> Image:
    """The image that ``wanted`` makes of ``base``. Raises ``ImageError``."""
    raise ImageError("prepared images are not made yet", wanted.name)
