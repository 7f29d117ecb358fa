"""A tree against a model: the model's value, and every error of pydantic's as a problem with its place."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from farm.matrix import schema
from farm.matrix.distro_schema import DistroEntry, RecipeEntry
from farm.matrix.problems import Problem
from farm.matrix.source import Place, SourceText
from farm.matrix.tree import MappingNode, Node, Scalar, SequenceNode

_Model = TypeVar("_Model", bound=BaseModel)
_PLACES: Mapping[str, type[BaseModel]] = {
    "resources": schema.Resources,
    "strategy": schema.Strategy,
    "jobs.<name>": schema.JobEntry,
    "the top of the file": schema.MatrixFile,
    "services.<name>": schema.ServiceEntry,
    "healthcheck": schema.HealthcheckEntry,
    "artifacts": schema.ArtifactsEntry,
    "retries": schema.RetriesEntry,
    "a mount": schema.MountEntry,
    "a distro": DistroEntry,
    "a bootstrap": RecipeEntry,
}
"""Where else an unknown key might belong, in the words of a remedy."""

ELSEWHERE: Mapping[str, str] = {
    "script": "run", "steps": "run", "execute": "run", "command": "run", "variables": "env", "environment": "env",
    "runs-on": "distros", "systems": "distros", "image": "distro", "timeout-minutes": "timeout", "kill-timeout": "timeout",
    "continue-on-error": "expect", "allow_failure": "expect", "retry": "retries", "parallel": "shards", "rules": "if",
    "when": "if", "depends_on": "needs", "dependencies": "needs", "before_script": "prepare", "install": "prepare",
    "after_script": "always", "restore": "always", "volumes": "mounts", "cwd": "working-directory",
    "working_directory": "working-directory", "resource_group": "concurrency", "details": "summary", "description": "summary",
}  # fmt: skip
"""What others call it: GitHub Actions, GitLab CI, spread, docker compose."""


def check(source: SourceText, node: Node, model: type[_Model], called: str, problems: list[Problem]) -> _Model | None:
    """``node`` as ``model``, or None where that cannot be; errors are appended to ``problems``.

    There is a model also where unknown keys, or parts that the model does not need, were wrong: without those, so that
    later checks can find what else is wrong. ``called`` names the value for its own errors: ``the job 'unit'``.
    """
    if not isinstance(node, MappingNode):
        problems.append(source.problem(node.place, f"{called} is a mapping of keys and values, not {_kind(node)}"))
        return None
    data = plain(node)
    try:
        return model.model_validate(data)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
    problems.extend(_problem(source, node, detail, model, called) for detail in details)
    needed: frozenset[str] = getattr(model, "NEEDED", frozenset())
    if any(detail["loc"][0] in needed for detail in details if detail["type"] != "extra_forbidden"):
        return None
    for removed in (_wrong, _whole):  # as little as can be, so that what stands beside it is looked at
        for detail in details:
            _remove(data, removed(detail))
        try:
            return model.model_validate(data)
        except ValidationError:
            continue
    return None


def _wrong(detail: ErrorDetails) -> Sequence[str | int]:
    """Where the key is that has a wrong value, or is wrong itself. Without one variable others would seem to be undefined."""
    location = detail["loc"]
    if location[-1] == "[key]":
        return location[:-1]
    if detail["type"] == "extra_forbidden":
        return location
    if "env" in location:
        return location[:1]
    if detail["type"] == "missing":
        location = location[:-1]
    while len(location) > 1 and not isinstance(location[-1], str):
        location = location[:-1]
    return location


def _whole(detail: ErrorDetails) -> Sequence[str | int]:
    return detail["loc"] if detail["type"] == "extra_forbidden" else detail["loc"][:1]


def plain(node: Node) -> object:
    """The tree as dicts, lists and scalars."""
    if isinstance(node, MappingNode):
        return {key: plain(value) for key, value in node.values.items()}
    if isinstance(node, SequenceNode):
        return [plain(item) for item in node.items]
    return node


def nearest(word: str, known: Iterable[str]) -> str:
    """The remedy that names the nearest of ``known``, or all of them where none is near."""
    names = list(known)
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"known here: {', '.join(names[:40])}{', …' if len(names) > 40 else ''}" if names else ""


def place_of(node: Node, location: Sequence[str | int]) -> Place:
    """The place of the value that ``location`` leads to below ``node``, or of the last one on the way that is there."""
    for step in location:
        if isinstance(node, MappingNode) and isinstance(step, str) and step in node.values:
            node = node.values[step]
        elif isinstance(node, SequenceNode) and isinstance(step, int) and step < len(node.items):
            node = node.items[step]
        else:
            break
    return node.place


def key_place(node: Node, location: Sequence[str | int]) -> Place:
    """The place of the key that ``location`` ends with."""
    for step in location[:-1]:
        if isinstance(node, MappingNode):
            node = node.values.get(str(step), node)
        elif isinstance(node, SequenceNode) and isinstance(step, int):
            node = node.items[step]
    if isinstance(node, MappingNode) and location and location[-1] in node.keys:
        return node.keys[str(location[-1])].place
    return node.place


def _problem(source: SourceText, node: Node, detail: ErrorDetails, model: type[BaseModel], called: str) -> Problem:
    location = detail["loc"]
    last = str(location[-1]) if location else ""
    if last == "[key]":
        return source.problem(key_place(node, location[:-1]), *detail["msg"].partition("\n")[::2])
    if detail["type"] == "extra_forbidden":
        return source.problem(key_place(node, location), *_unknown(last, model, location[:-1]))
    if detail["type"] == "missing":
        holder = _named(location[:-1]) or called
        return source.problem(place_of(node, location[:-1]), f"{holder} has no key {last!r}, and needs one")
    place = place_of(node, location)
    message, _, remedy = detail["msg"].partition("\n")
    if detail["type"] != "refused":
        is_list = detail["type"] == "list_type"
        message = f"{_named(location)} is {'a list' if is_list else 'a mapping of keys and values'}"
        remedy = "write it like [one, two]" if is_list else "write it like {key: value}"
    return source.problem(place, message, remedy)


def _named(location: Sequence[str | int]) -> str:
    """The key that ``location`` ends with; an item of a list by the key of the list."""
    if location and isinstance(location[-1], int):
        return f"an item of {_named(location[:-1])}"
    return repr(location[-1]) if location else ""


def _unknown(key: str, whole: type[BaseModel], location: Sequence[str | int]) -> tuple[str, str]:
    if whole is schema.MatrixFile and not location and key in _keys(schema.Defaults, ()):
        return f"unknown key {key!r}", f"{key!r} belongs in 'defaults', for all jobs, or in a job"
    known = _keys(whole, location)
    if ELSEWHERE.get(key) in known:
        return f"unknown key {key!r}", f"it is called {ELSEWHERE[key]!r} here"
    for called, model in _PLACES.items():
        if key in _keys(model, ()):
            return f"unknown key {key!r}", f"{key!r} belongs in {called}"
    return f"unknown key {key!r}", nearest(key, known)


def _keys(model: type[BaseModel], location: Sequence[str | int]) -> list[str]:
    """The keys that the model at ``location`` knows."""
    for step in location:
        field = next((f for name, f in model.model_fields.items() if (f.alias or name) == step), None)
        if field is not None:
            model = _model_in(field.annotation) or model
    return [field.alias or name for name, field in model.model_fields.items()]


def _model_in(annotation: object) -> type[BaseModel] | None:
    """``Model`` of ``Model``, ``Model | None`` and ``list[Model]``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for each in get_args(annotation) if (found := _model_in(each))), None)


def _remove(data: object, location: Sequence[str | int]) -> None:
    for step in location[:-1]:
        if isinstance(data, dict):
            data = data.get(step)
        elif isinstance(data, list):
            data = data[int(step)]
    if isinstance(data, dict) and location:
        data.pop(location[-1], None)


_MOST_SHOWN = 60


def _shortened(text: str) -> str:
    """``text`` as an error quotes it: a file that is no YAML at all is one long value."""
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}…"


def _kind(node: Node) -> str:
    if isinstance(node, Scalar):
        return "nothing" if node.kind == "null" else f"the value {_shortened(node.text)!r}"
    return "a list" if isinstance(node, SequenceNode) else "a mapping"
