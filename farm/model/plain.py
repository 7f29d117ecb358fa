"""The model's values as dicts and back, without the deep copies of ``dataclasses.asdict``, which cost more than the JSON."""

from __future__ import annotations

import functools
import types
import typing
from collections.abc import Callable, Hashable
from dataclasses import is_dataclass
from enum import Enum
from typing import Any, TypeVar, Union, cast  # whatever the fields hold

_Value = TypeVar("_Value")


def fields(value: Any) -> dict[str, Any]:
    """The fields of a slotted dataclass by name, as they are; as ``default`` of ``json.dumps`` it takes whole trees apart.

    Raises ``TypeError`` for anything else.
    """
    try:
        return {name: getattr(value, name) for name in value.__slots__}
    except AttributeError:
        raise TypeError(f"{type(value).__name__} is no value of the model") from None


def value(kind: type[_Value], given: dict[str, Any]) -> _Value:
    """The ``kind``, a dataclass of the model, whose fields ``given`` holds as JSON keeps them. Unknown names are left out.

    Raises ``TypeError`` or ``ValueError`` where a field is missing or is not what it should be.
    """
    read: Callable[[Any], _Value] = _reader(cast("Hashable", kind))
    return read(given)


@functools.cache
def _reader(kind: Any) -> Callable[[Any], Any]:
    """What turns the JSON of a ``kind`` into one."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin in (Union, types.UnionType):
        (only,) = (each for each in inner if each is not type(None))
        return _as_it_is if _reader(only) is _as_it_is else functools.partial(_optional, _reader(only))
    if origin is tuple and inner[-1] is Ellipsis:
        return tuple if _reader(inner[0]) is _as_it_is else functools.partial(_each, _reader(inner[0]))
    if origin is tuple:
        return functools.partial(_in_turn, tuple(_reader(each) for each in inner))
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind
    if is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        return functools.partial(
            _built, cast("Callable[..., Any]", kind), {name: _reader(hint) for name, hint in hints.items()}
        )
    return _as_it_is


def _as_it_is(given: Any) -> Any:
    return given


def _optional(read: Callable[[Any], Any], given: Any) -> Any:
    return None if given is None else read(given)


def _each(read: Callable[[Any], Any], given: Any) -> tuple[Any, ...]:
    return tuple(read(item) for item in given)


def _in_turn(readers: tuple[Callable[[Any], Any], ...], given: Any) -> tuple[Any, ...]:
    return tuple(read(item) for read, item in zip(readers, given, strict=True))


def _built(kind: Callable[..., Any], readers: dict[str, Callable[[Any], Any]], given: Any) -> Any:
    found = {name: given[name] for name in readers if name in given}
    for name, item in found.items():
        read = readers[name]
        if read is not _as_it_is:  # most are, and it is a call for each
            found[name] = read(item)
    return kind(**found)
