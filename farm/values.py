"""``dataclass`` for frozen, slotted values: to its users the standard one, made in a quarter of the time.

The standard one compiles seven functions for each class, some 0.45 ms; for the values of the farm that was a fifth of
what ``farm run`` takes to start. Here functions that can be the same for all classes are, and ``__init__``, which has to
be a class's own, is compiled when the first value is made: of many a class a run makes none.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import TYPE_CHECKING, Any, cast  # whatever the fields hold

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:

    def dataclass(*, frozen: bool, slots: bool) -> Callable[[type], type]:
        """``dataclasses.dataclass(frozen=True, slots=True)``; what else that can do is left to it."""
        assert frozen
        assert slots
        return _made


_DEFAULTED = object()
"""What ``__init__`` gets for a field whose default is made anew each time."""


def _made(given: type) -> type:
    cls: Any = dataclasses.dataclass(init=False, repr=False, eq=False, slots=True)(given)
    fields = dataclasses.fields(cls)
    assert not hasattr(cls, "__post_init__"), cls  # what is not done here must not be forgotten silently
    assert all(each.init and not each.kw_only for each in fields), cls
    compared = _taking(each.name for each in fields if each.compare)
    own = given.__dict__  # what the class says itself stays
    methods: dict[str, object] = {
        "__init__": _init_of(cls, fields),
        "__repr__": _repr,
        "__setattr__": _setattr,
        "__delattr__": _delattr,
        "__getstate__": _getstate,
        "__setstate__": _setstate,
        "__eq__": _eq_by(compared),
        "__hash__": _hash_by(compared),
    }
    for name, method in methods.items():
        if own.get(name) is None:  # Python itself has None for the hash of a class with an __eq__
            setattr(cls, name, method)
    return cast("type", cls)


def _taking(names: Iterable[str]) -> Callable[[Any], tuple[Any, ...]]:
    """What takes the fields ``names`` out of a value."""
    names = tuple(names)
    if len(names) > 1:
        return attrgetter(*names)
    return lambda self: tuple(getattr(self, name) for name in names)


def _eq_by(compared: Callable[[Any], tuple[Any, ...]]) -> Callable[[Any, Any], bool]:
    def __eq__(self: Any, other: Any) -> bool:  # noqa: N807 - it becomes a method
        return compared(self) == compared(other) if other.__class__ is self.__class__ else NotImplemented

    return __eq__


def _hash_by(compared: Callable[[Any], tuple[Any, ...]]) -> Callable[[Any], int]:
    def __hash__(self: Any) -> int:  # noqa: N807 - it becomes a method
        return hash(compared(self))

    return __hash__


def _init_of(cls: Any, fields: tuple[dataclasses.Field[Any], ...]) -> Callable[..., None]:
    def __init__(self: Any, *values: Any, **named: Any) -> None:  # noqa: N807 - it becomes a method
        cls.__init__ = _compiled(cls, fields)
        cls.__init__(self, *values, **named)

    return __init__


def _compiled(cls: type, fields: tuple[dataclasses.Field[Any], ...]) -> Callable[..., None]:
    """The ``__init__`` of ``cls`` as Python has it: it fills the slots past ``__setattr__``, which refuses."""
    known: dict[str, Any] = {"_DEFAULTED": _DEFAULTED}
    parameters, lines = ["self"], []
    for each in fields:
        name, value = each.name, each.name
        known[f"_set_{name}"] = getattr(cls, name).__set__
        if each.default is not dataclasses.MISSING:
            known[f"_default_{name}"] = each.default
            parameters.append(f"{name}=_default_{name}")
        elif each.default_factory is not dataclasses.MISSING:
            known[f"_make_{name}"] = each.default_factory
            parameters.append(f"{name}=_DEFAULTED")
            value = f"_make_{name}() if {name} is _DEFAULTED else {name}"
        else:
            parameters.append(name)
        lines.append(f" _set_{name}(self, {value})")
    text = f"def __init__({', '.join(parameters)}):\n" + ("\n".join(lines) or " pass")
    exec(text, known)
    init: Callable[..., None] = known["__init__"]
    init.__qualname__ = f"{cls.__qualname__}.__init__"
    return init


def _repr(self: Any) -> str:
    told = (f"{each.name}={getattr(self, each.name)!r}" for each in dataclasses.fields(self))
    return f"{self.__class__.__qualname__}({', '.join(told)})"


def _setattr(_: Any, name: str, __: object) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


def _delattr(_: Any, name: str) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")


def _getstate(self: Any) -> tuple[Any, ...]:
    return tuple(getattr(self, each.name) for each in dataclasses.fields(self))


def _setstate(self: Any, state: tuple[Any, ...]) -> None:
    for each, value in zip(dataclasses.fields(self), state, strict=True):
        object.__setattr__(self, each.name, value)
