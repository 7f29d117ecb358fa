"""Scalars of the file to values: what each kind of field takes, and what it says to anything else.

YAML 1.1 reads ``no`` as a boolean, ``010`` as eight and ``2024-01-31`` as a date. A field that wants text refuses those
and asks for quotes; axis values and env values are the text as written; numbers are read from it, in decimal only.
Each function raises ``PydanticCustomError``, of which ``check`` makes a problem with its place; a line break in the
message sets the remedy apart.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

import yaml
from pydantic_core import PydanticCustomError

from farm.matrix.tree import Scalar
from farm.units import parse_bytes, parse_duration_s

_Value = TypeVar("_Value")
_CALLED = {"int": "number", "float": "number", "bool": "boolean", "timestamp": "date", "str": "text"}
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]*)")
_MOST_DIGITS = 40
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?")
_LONGEST_S = 30 * 86400.0
_LARGEST_BYTES = 1 << 50
_BOOLEAN = {"true": True, "false": False}

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
"""Names that become parts of paths: those of distros and jobs."""
TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
AXIS = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def refused(message: str, remedy: str = "") -> PydanticCustomError:
    """The error of a value; its text is not a format string, whatever stands in ``message``."""
    return PydanticCustomError("refused", "{text}", {"text": f"{message}\n{remedy}" if remedy else message})


def scalar(value: object) -> Scalar:
    """Any one value; lists and mappings are refused."""
    if not isinstance(value, Scalar):
        raise refused(f"one value is wanted here, not a {'list' if isinstance(value, list) else 'mapping'}")
    return value


def encodable(value: object) -> Scalar:
    """Any one value that can be an argument or a variable of a program: text as written, no NUL, no lone surrogate."""
    found = scalar(value)
    if "\0" in found.text:
        raise refused("this text has a NUL character in it, which no argument or variable can hold")
    try:
        found.text.encode()
    except UnicodeEncodeError:
        raise refused("this text has half of a surrogate pair in it, which UTF-8 cannot hold") from None
    return found


def text(value: object) -> Scalar:
    """A value that YAML reads as text, and that is not empty."""
    found = encodable(value)
    if found.kind == "null":
        raise refused("text is wanted here, and there is nothing")
    if found.kind != "str":
        raise refused(
            f"text is wanted here, and {found.text!r} is read as the {_CALLED[found.kind]} {_read_as(found)}",
            f'write it in quotes: "{found.text}"',
        )
    if not found.text.strip():
        raise refused("text is wanted here, and it is empty")
    return found


def line(value: object) -> str:
    """Text of one line of at most 200 printable characters."""
    found = text(value).text
    if len(found) > 200 or not found.isprintable():
        raise refused("one line of at most 200 printable characters is wanted here")
    return found


def matching(pattern: re.Pattern[str], called: str, rule: str) -> Callable[[object], str]:
    """A field whose text matches ``pattern``; ``called`` and ``rule`` are what its error says."""

    def field(value: object) -> str:
        found = text(value).text
        if not pattern.fullmatch(found):
            raise refused(f"{found!r} is not {called}", rule)
        return found

    return field


def duration_s(value: object) -> float:
    """A duration in seconds: ``90``, ``10m``, ``1h30m``."""
    seconds = _parsed(value, parse_duration_s)
    if seconds > _LONGEST_S:
        raise refused(f"{scalar(value).text} is longer than 30 days")
    return seconds


def size_bytes(value: object) -> int:
    """A size in bytes of at least 1 MiB, so that a forgotten suffix is noticed."""
    size = _size(value)
    if size < 1 << 20:
        message = f"{scalar(value).text} is {size} bytes, and at least 1M is wanted here"
        raise refused(message, "write it like 512M or 4G")
    return size


def swap_bytes(value: object) -> int:
    """A size in bytes, 0 too."""
    return 0 if scalar(value).text == "0" else _size(value)


def integer(lowest: int, highest: int) -> Callable[[object], int]:
    """A whole number in decimal from ``lowest`` to ``highest``."""

    def field(value: object) -> int:
        found = scalar(value)
        if found.kind != "int" or not _INTEGER.fullmatch(found.text):
            raise refused(_not("a whole number", found), _decimal_remedy(found))
        number = int(_short(found))
        if not lowest <= number <= highest:
            raise refused(f"{number} is out of range: {lowest} to {highest}")
        return number

    return field


def cpus(value: object) -> float:
    """Cores' worth of time, from 0.01."""
    found = scalar(value)
    if found.kind not in ("int", "float") or not _NUMBER.fullmatch(found.text):
        raise refused(_not("a number", found), _decimal_remedy(found))
    number = float(_short(found))
    if not 0.01 <= number <= 4096:
        raise refused(f"{found.text} is out of range: 0.01 to 4096")
    return number


def boolean(value: object) -> bool:
    """``true`` or ``false``; the other spellings of YAML 1.1 are refused."""
    found = scalar(value)
    if found.kind != "bool" or found.text.lower() not in _BOOLEAN:
        raise refused(_not("true or false", found), "write true or false, without quotes")
    return _BOOLEAN[found.text.lower()]


def _size(value: object) -> int:
    size = _parsed(value, parse_bytes)
    if size > _LARGEST_BYTES:
        raise refused(f"{scalar(value).text} is more than 1024T")
    return size


def _parsed(value: object, parse: Callable[[str], _Value]) -> _Value:
    found = scalar(value)
    if found.kind == "null":
        raise refused("a value is wanted here, and there is nothing")
    try:
        return parse(_short(found))
    except (ValueError, OverflowError) as error:
        message, _, remedy = str(error).partition("; ")
        raise refused(message, remedy) from None


def _short(found: Scalar) -> str:
    """The text of a number that a person may have meant; Python refuses to read the longest ones at all."""
    if len(found.text) > _MOST_DIGITS:
        raise refused(f"{found.text[:_MOST_DIGITS]}… is out of range: it has {len(found.text)} characters")
    return found.text


def _not(wanted: str, found: Scalar) -> str:
    if found.kind == "null":
        return f"{wanted} is wanted here, and there is nothing"
    return f"{wanted} is wanted here, not the {_CALLED[found.kind]} {found.text!r}"


def _decimal_remedy(found: Scalar) -> str:
    if found.kind == "str" and _NUMBER.fullmatch(found.text):
        return "write it without quotes"
    if found.kind in ("int", "float") and _read_as(found) != found.text:
        return f"YAML reads it as {_read_as(found)}: write plain decimal digits"
    return ""


def _read_as(found: Scalar) -> str:
    """What YAML 1.1 makes of the text, for messages."""
    node = yaml.ScalarNode(f"tag:yaml.org,2002:{found.kind}", found.text)
    try:
        value = yaml.constructor.SafeConstructor().construct_object(node)
    except (ValueError, OverflowError, AttributeError, yaml.YAMLError):
        return found.text  # AttributeError: "!!timestamp foo"
    return str(value).lower() if isinstance(value, bool) else str(value)
