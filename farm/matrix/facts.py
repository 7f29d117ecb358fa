"""``distro`` in the scope of a template: its name and tags, and the facts of its image, once that is there.

Before that a template is tried on the facts of no image in particular, so that a wrong one is an error of its file and not of a
run. A fact that an image does not tell counts as an empty text where it is compared or tested; where it is to be part of a
text it is an error: ``{{ distro.install }} make`` must not become ``make`` on an image without a package manager.
"""

from __future__ import annotations

import jinja2

from farm.model import plain
from farm.model.distro import Facts

STAND_IN = Facts(
    id="debian",
    version="1.2.3.4",  # so many parts that a template may take one
    pretty_name="Debian GNU/Linux",
    family="debian",
    package_manager="apt",
    libc="glibc",
    libc_version="2.41",
    arch="x86_64",
    install="apt-get install -y",
    init="systemd",
)
NAMES = ("name", "tags", *plain.fields(STAND_IN))
"""What there is of a distro."""
_NO_MANAGER = "is empty: this image has no package manager that farm knows"


def told(distro: str, tags: tuple[str, ...], facts: Facts) -> dict[str, object]:
    """``distro`` with the facts of its image."""
    facts_ = {name: value or _untold(name) for name, value in plain.fields(facts).items()}
    return {"name": distro, "tags": tags, **facts_}


def awaited(distro: str, tags: tuple[str, ...]) -> dict[str, object]:
    """``distro`` where facts cannot be used: naming one is an error that says so."""
    said = "is a fact of the image, which is not there yet when this is needed"
    facts = {name: jinja2.StrictUndefined(hint=f"distro.{name} {said}") for name in plain.fields(STAND_IN)}
    return {"name": distro, "tags": tags, **facts}


def awaited_variable(name: str) -> jinja2.StrictUndefined:
    """A variable whose value names facts, where they cannot be used."""
    said = "names a fact of the image, which is not there yet when this is needed"
    return jinja2.StrictUndefined(hint=f"env.{name} {said}")


class _Untold(jinja2.StrictUndefined):
    """A fact that the image does not tell: equal to an empty text, false, and an error wherever it would be printed."""

    __slots__ = ()

    def __bool__(self) -> bool:  # type: ignore[override]
        return False

    def __eq__(self, other: object) -> bool:  # type: ignore[override]
        return other == "" or isinstance(other, _Untold)

    def __ne__(self, other: object) -> bool:  # type: ignore[override]
        return not self == other

    def __hash__(self) -> int:  # type: ignore[override]
        return hash("")


def _untold(name: str) -> _Untold:
    why = _NO_MANAGER if name in ("install", "package_manager") else "is empty: this image does not tell it"
    return _Untold(hint=f"distro.{name} {why}")
