"""Test cases of JUnit files that jobs left behind: read from files that nobody trusts, kept as JSON beside the log.

``logs/<job>/<attempt>.cases.json`` is a list of objects with the fields of ``farm.model.artifact.Case``.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterable
from xml.parsers import expat

import junitparser

from farm.errors import FarmError
from farm.model import plain
from farm.model.artifact import Case, CaseOutcome

MOST_BYTES = 8 << 20
MOST_CASES = 10_000
_MOST_ELEMENTS = 100_000
_DEEPEST = 50
_NAME_LETTERS = 500
_MESSAGE_LETTERS = 4000
_OUTCOMES = (
    (junitparser.Error, CaseOutcome.ERROR),
    (junitparser.Failure, CaseOutcome.FAILED),
    (junitparser.Skipped, CaseOutcome.SKIPPED),
)


def parse(text: bytes, file: str) -> list[Case]:
    """The cases of one JUnit file, whose path is ``file``. Raises ``FarmError`` where it is none, or a hostile one.

    A document type is refused, and with it every entity; so are depths and numbers that no test suite has.
    """
    _check(text)
    try:
        root = junitparser.JUnitXml.fromstring(text)
        suites = [root] if isinstance(root, junitparser.TestSuite) else list(root)
        return [_case(each, file) for suite in suites for each in suite]  # those of suites within it as well
    except (junitparser.JUnitXmlError, ValueError, TypeError, AttributeError, SyntaxError) as error:
        raise FarmError("it is no JUnit file", f"{type(error).__name__}: {error}") from error


def save(path: str, cases: Iterable[Case]) -> None:
    """Write ``cases`` to the file ``path``."""
    with open(path, "w", encoding="ascii") as file:
        json.dump(list(cases), file, default=plain.fields, separators=(",", ":"))


def load(run_dir: str, path: str) -> tuple[Case, ...]:
    """The cases at ``path`` in ``run_dir``; none where the file is gone or was cut."""
    try:
        with open(os.path.join(run_dir, path), encoding="ascii") as file:
            return tuple(plain.value(Case, each) for each in json.load(file))
    except (OSError, ValueError, TypeError, KeyError):
        return ()


def masked(cases: Iterable[Case], cover: Callable[[str], str]) -> list[Case]:
    """``cases`` with what ``cover`` does to their texts."""
    return [
        Case(cover(each.name), cover(each.classname), each.time_s, each.outcome, cover(each.message), each.file)
        for each in cases
    ]


def _check(text: bytes) -> None:
    """Read it once for what must not be in it, before anything is made of it."""
    parser = expat.ParserCreate()
    depth = count = 0

    def refuse(*_: object) -> None:
        raise FarmError("it has a document type, which a JUnit file does not need")

    def begin(_name: str, _attributes: object) -> None:
        nonlocal depth, count
        depth, count = depth + 1, count + 1
        if depth > _DEEPEST or count > _MOST_ELEMENTS:
            raise FarmError("it is deeper or larger than any JUnit file", f"{_DEEPEST} deep, {_MOST_ELEMENTS} elements")

    def end(_name: str) -> None:
        nonlocal depth
        depth -= 1

    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = begin
    parser.EndElementHandler = end
    try:
        parser.Parse(text, True)
    except (expat.ExpatError, LookupError, ValueError) as error:  # LookupError: an encoding that nobody knows
        raise FarmError("it is no XML", str(error)) from error


def _case(case: junitparser.TestCase, file: str) -> Case:
    outcome, message = CaseOutcome.PASSED, ""
    results = list(case.result)
    for kind, means in _OUTCOMES:
        found = next((each for each in results if isinstance(each, kind)), None)
        if found is not None:
            outcome, message = means, _message(found)
            break
    return Case(
        name=_short(case.name, _NAME_LETTERS),
        classname=_short(case.classname, _NAME_LETTERS),
        time_s=_seconds(case._elem.get("time")),
        outcome=outcome,
        message=message,
        file=file,
    )


def _message(result: junitparser.Error | junitparser.Failure | junitparser.Skipped) -> str:
    parts = (part.strip() for part in (result.message or "", result.text or ""))
    return _short("\n".join(part for part in dict.fromkeys(parts) if part), _MESSAGE_LETTERS)


def _short(text: str | None, most: int) -> str:
    text = text or ""
    return text if len(text) <= most else text[: most - 1] + "…"


def _seconds(text: str | None) -> float:
    """What tools write for a time, ``1,234.5`` too; 0 for what is none."""
    try:
        seconds = float((text or "0").replace(",", ""))
    except ValueError:
        return 0.0
    return seconds if math.isfinite(seconds) and seconds >= 0 else 0.0
