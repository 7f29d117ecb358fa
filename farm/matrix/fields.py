"""The kinds of value that the fields of a file take: how each is read, and what ``farm schema`` says of it.

A model sees mappings as ``dict``, lists as ``list`` and every value as a ``tree.Scalar``; the annotated types here turn
those into what the field holds. Whatever can be wrong with one value on its own is found here.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Annotated, Any, TypeAlias, TypeVar

from pydantic import BeforeValidator, Field, GetJsonSchemaHandler, InstanceOf, TypeAdapter, WithJsonSchema
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from farm.kernel.capability import NAMES as CAPABILITIES
from farm.matrix import scalars
from farm.matrix.tree import Scalar
from farm.model.build import Network
from farm.model.mount import MountMode
from farm.model.outcome import Outcome
from farm.model.rules import Expect, When

_Choice = TypeVar("_Choice", bound=StrEnum)

NAME_RULE = "use lower-case letters, digits, '.', '_' and '-', beginning with a letter or digit, at most 64"
VARIABLE_RULE = "use letters, digits and '_', not beginning with a digit"
RETRIED = (Outcome.FAILED, Outcome.TIMEOUT, Outcome.OOM, Outcome.ERROR)
"""The outcomes after which there may be another attempt."""
_SHA256 = "[0-9a-fA-F]{64}"


class Shaped:
    """Annotates a part that is checked on its own: what ``kind`` looks like, for ``farm schema``."""

    def __init__(self, kind: Any) -> None:
        self._kind = kind

    def __get_pydantic_json_schema__(self, _core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return handler(TypeAdapter(self._kind).core_schema)


class Short:
    """Annotates a mapping that something shorter may stand for."""

    def __init__(self, *shapes: dict[str, object]) -> None:
        self._shapes = shapes

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"anyOf": [*self._shapes, handler(core)]}


def optional_text(value: object) -> Scalar:
    """Text as ``scalars.text`` has it, or an empty one in quotes, which stands for none."""
    found = scalars.scalar(value)
    return found if found.kind == "str" and not found.text.strip() else scalars.text(value)


def _one_or_many(value: object) -> object:
    return [value] if isinstance(value, Scalar) else value


def short_for(key: str, *, of_lists: bool = False) -> Callable[[object], object]:
    """A value alone, or a list with it, is short for a mapping with ``key`` only."""

    def field(value: object) -> object:
        if isinstance(value, Scalar) and of_lists:
            return {key: [value]}
        return {key: value} if isinstance(value, Scalar) or (of_lists and isinstance(value, list)) else value

    return field


def _script(value: object) -> object:
    """A script alone is short for a mapping with nothing else."""
    if isinstance(value, list):
        raise scalars.refused("a script is wanted here, or a mapping with run, not a list")
    return {"run": optional_text(value)} if isinstance(value, Scalar) else value


def _words(value: object) -> tuple[str, ...]:
    """The words of a command: a program and its options."""
    found = scalars.text(value).text
    try:
        words = tuple(shlex.split(found))
    except ValueError as error:
        raise scalars.refused(f"not the words of a command: {str(error).lower()}") from None
    if not words or not words[0]:
        raise scalars.refused("a shell is a program and its options", "write it like: sh -e")
    return words


def _variable(name: str) -> str:
    if not scalars.VARIABLE.fullmatch(name):
        raise scalars.refused(f"{name!r} is not a name for a variable", VARIABLE_RULE)
    if name.startswith("FARM_"):
        raise scalars.refused(f"the farm itself sets {name!r}", "names beginning with FARM_ are its own")
    return name


def _key(name: str) -> str:
    if not scalars.NAME.fullmatch(name):
        raise scalars.refused(f"{name!r} is not a name", NAME_RULE)
    return name


def _condition(value: object) -> Scalar:
    """An expression, or ``true`` or ``false``."""
    found = scalars.scalar(value)
    if found.kind == "bool" and found.text.lower() in ("true", "false"):
        return Scalar(found.text.lower(), "str", found.place)
    if found.kind == "bool":
        raise scalars.refused(f"an if is an expression, not {found.text!r}", "write true or false")
    found = scalars.text(value)
    if "{{" in found.text or "{%" in found.text:
        raise scalars.refused("an if is an expression already", "leave out the braces: if: matrix.opt == 'O2'")
    return found


def _user(value: object) -> Scalar:
    """A name, or numbers; what it may be is seen when it is rendered."""
    found = scalars.encodable(value)
    if found.kind == "null":
        raise scalars.refused("a user is wanted here, and there is nothing", 'write user: "" for root')
    return found if found.kind == "int" else optional_text(found)


def sha256(value: object) -> str:
    found = scalars.text(value).text
    if len(found) != 64 or not set(found.lower()) <= set("0123456789abcdef"):
        raise scalars.refused(f"not a sha256: {len(found)} characters", "it is 64 hex digits, as sha256sum prints")
    return found.lower()


def _capability(value: object) -> str:
    found = scalars.text(value).text
    bare = found.upper().removeprefix("CAP_")
    if bare not in CAPABILITIES:
        raise scalars.refused(f"no capability is called {found!r}", "names are those of capabilities(7), like NET_RAW")
    return bare


def version(value: object) -> int:
    """The only one there is."""
    found = scalars.scalar(value)
    if found.kind != "int" or found.text != "1":
        raise scalars.refused(f"version {found.text!r} is not known", "this farm reads version: 1")
    return 1


def _no_time(value: object) -> float:
    """A duration, or 0 for none."""
    return 0.0 if scalars.scalar(value).text == "0" else scalars.duration_s(value)


def _one_of(called: str, choices: Sequence[_Choice]) -> Callable[[object], _Choice]:
    """A field that is one of ``choices``; ``called`` names one in its errors."""

    def field(value: object) -> _Choice:
        found = scalars.text(value).text
        for choice in choices:
            if choice.value == found:
                return choice
        *others, last = (choice.value for choice in choices)
        raise scalars.refused(f"no {called} is called {found!r}", f"write {', '.join(others)} or {last}")

    return field


def _init(value: object) -> bool:
    found = scalars.text(value).text
    if found not in ("farm", "none"):
        raise scalars.refused(f"no init is called {found!r}", "write farm, or none: the command is process 1 itself")
    return found == "farm"


def _values(choices: Sequence[StrEnum]) -> dict[str, object]:
    return {"enum": [choice.value for choice in choices]}


_TEXT: dict[str, object] = {"type": "string", "pattern": r"\S"}
_ANY_TEXT: dict[str, object] = {"type": "string"}
_WRITTEN: dict[str, object] = {"type": ["string", "number", "boolean", "null"]}
_LASTING: dict[str, object] = {
    "type": "string",
    "pattern": r"^([0-9]+(\.[0-9]+)?(ms|s|m|h|d))+$|^[0-9]+(\.[0-9]+)?$",
}
_SECONDS: dict[str, object] = {"type": "number", "exclusiveMinimum": 0}
_DURATION: dict[str, object] = {"anyOf": [_SECONDS, _LASTING], "examples": ["90s", "10m", "1h30m"]}
_NO_TIME: dict[str, object] = {"anyOf": [{"const": 0}, _SECONDS, _LASTING]}
_LARGE: dict[str, object] = {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?\s*[kKmMgGtT]?([iI]?[bB])?$"}
_SIZE: dict[str, object] = {"anyOf": [{"type": "integer", "minimum": 1 << 20}, _LARGE], "examples": ["512M", "4G"]}
_SWAP: dict[str, object] = {"anyOf": [{"type": "integer", "minimum": 0}, _LARGE]}

Raw: TypeAlias = Annotated[Any, Field()]
Text: TypeAlias = Annotated[InstanceOf[Scalar], BeforeValidator(scalars.text), WithJsonSchema(_TEXT)]
OptionalText: TypeAlias = Annotated[InstanceOf[Scalar], BeforeValidator(optional_text), WithJsonSchema(_ANY_TEXT)]
AsWritten: TypeAlias = Annotated[InstanceOf[Scalar], BeforeValidator(scalars.encodable), WithJsonSchema(_WRITTEN)]
Line: TypeAlias = Annotated[
    str, BeforeValidator(scalars.line), WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 200})
]
Condition: TypeAlias = Annotated[
    InstanceOf[Scalar],
    BeforeValidator(_condition),
    WithJsonSchema({"anyOf": [{"type": "boolean"}, {**_TEXT, "not": {"pattern": r"\{\{|\{%"}}]}),
]
Words: TypeAlias = Annotated[tuple[str, ...], BeforeValidator(_words), WithJsonSchema(_TEXT)]
Duration: TypeAlias = Annotated[float, BeforeValidator(scalars.duration_s), WithJsonSchema(_DURATION)]
OptionalDuration: TypeAlias = Annotated[float, BeforeValidator(_no_time), WithJsonSchema(_NO_TIME)]
Size: TypeAlias = Annotated[int, BeforeValidator(scalars.size_bytes), WithJsonSchema(_SIZE)]
Swap: TypeAlias = Annotated[int, BeforeValidator(scalars.swap_bytes), WithJsonSchema(_SWAP)]
Cpus: TypeAlias = Annotated[
    float, BeforeValidator(scalars.cpus), WithJsonSchema({"type": "number", "minimum": 0.01, "maximum": 4096})
]
Boolean: TypeAlias = Annotated[bool, BeforeValidator(scalars.boolean), WithJsonSchema({"type": "boolean"})]
User: TypeAlias = Annotated[InstanceOf[Scalar], BeforeValidator(_user), WithJsonSchema({"type": ["string", "integer"]})]
Init: TypeAlias = Annotated[bool, BeforeValidator(_init), WithJsonSchema({"enum": ["farm", "none"]})]


def _whole(lowest: int, highest: int) -> WithJsonSchema:
    return WithJsonSchema({"type": "integer", "minimum": lowest, "maximum": highest})


Pids: TypeAlias = Annotated[int, BeforeValidator(scalars.integer(1, 4_194_304)), _whole(1, 4_194_304)]
IoWeight: TypeAlias = Annotated[int, BeforeValidator(scalars.integer(1, 10_000)), _whole(1, 10_000)]
ExitCode: TypeAlias = Annotated[int, BeforeValidator(scalars.integer(1, 255)), _whole(1, 255)]
Count: TypeAlias = Annotated[int, BeforeValidator(scalars.integer(1, 10_000)), _whole(1, 10_000)]
Shards: TypeAlias = Annotated[int, BeforeValidator(scalars.integer(1, 1000)), _whole(1, 1000)]
Tries: TypeAlias = Annotated[int, BeforeValidator(scalars.integer(0, 100)), _whole(0, 100)]
Priority: TypeAlias = Annotated[int, BeforeValidator(scalars.integer(-1000, 1000)), _whole(-1000, 1000)]

Name: TypeAlias = Annotated[
    str,
    BeforeValidator(scalars.matching(scalars.NAME, "a name", NAME_RULE)),
    WithJsonSchema({"type": "string", "pattern": f"^{scalars.NAME.pattern}$"}),
]
KeyName: TypeAlias = Annotated[
    str, BeforeValidator(_key), WithJsonSchema({"type": "string", "pattern": f"^{scalars.NAME.pattern}$"})
]
Tag: TypeAlias = Annotated[
    str,
    BeforeValidator(scalars.matching(scalars.TAG, "a tag", "use letters, digits, '.', '_' and '-', at most 64")),
    WithJsonSchema({"type": "string", "pattern": f"^{scalars.TAG.pattern}$"}),
]
Variable: TypeAlias = Annotated[
    str,
    BeforeValidator(_variable),
    WithJsonSchema({"type": "string", "pattern": f"^(?!FARM_){scalars.VARIABLE.pattern}$"}),
]
Secret: TypeAlias = Annotated[
    str,
    BeforeValidator(lambda value: _variable(scalars.text(value).text)),
    WithJsonSchema({"type": "string", "pattern": f"^(?!FARM_){scalars.VARIABLE.pattern}$"}),
]
Sha256: TypeAlias = Annotated[
    str, BeforeValidator(sha256), WithJsonSchema({"type": "string", "pattern": f"^{_SHA256}$"})
]
Capability: TypeAlias = Annotated[
    str,
    BeforeValidator(_capability),
    WithJsonSchema({"anyOf": [{"enum": sorted(CAPABILITIES)}, {"type": "string", "pattern": "^[A-Za-z_]+$"}]}),
]
Environment: TypeAlias = dict[Variable, AsWritten]

AnyNetwork: TypeAlias = Annotated[
    Network, BeforeValidator(_one_of("network", tuple(Network))), WithJsonSchema(_values(tuple(Network)))
]
BuildNetwork: TypeAlias = Annotated[
    Network,
    BeforeValidator(_one_of("network of a prepare", (Network.NONE, Network.HOST))),
    WithJsonSchema(_values((Network.NONE, Network.HOST))),
]
Mode: TypeAlias = Annotated[
    MountMode, BeforeValidator(_one_of("mode", tuple(MountMode))), WithJsonSchema(_values(tuple(MountMode)))
]
Expected: TypeAlias = Annotated[
    Expect, BeforeValidator(_one_of("expectation", tuple(Expect))), WithJsonSchema(_values(tuple(Expect)))
]
Whenever: TypeAlias = Annotated[
    When, BeforeValidator(_one_of("time for artifacts", tuple(When))), WithJsonSchema(_values(tuple(When)))
]
Retried: TypeAlias = Annotated[
    Outcome, BeforeValidator(_one_of("outcome to retry after", RETRIED)), WithJsonSchema(_values(RETRIED))
]

ONE_OR_MANY = BeforeValidator(_one_or_many)
SCRIPT = BeforeValidator(_script)
