"""Templates of a matrix file: jinja2, sandboxed beyond its own sandbox, and bounded.

jinja2's ``SandboxedEnvironment`` keeps a template from Python's internals, but not from time and memory:
``{{ 'a' * 10**10 }}``, nested loops over ``range`` and ``'%9999999999d' % 1`` all run to the end of the machine, and a
macro can call itself. So the language here is a subset, held in five places:

- the syntax tree may hold ``if``, ``for``, ``set`` and expressions only: no macros, blocks, imports or recursive loops;
- every ``for`` iterates through a filter that counts steps, over the whole render;
- operators, filters and methods are the ones listed here, and each looks at the size of its result before making it;
- lists hold no lists, so that nothing grows by a power each time it is put into another;
- attributes of anything but the scope's own mappings do not exist, so there is nothing to climb out by.

The scope: ``matrix.<axis>``, ``distro.name``, ``distro.tags``, ``distro.<fact>`` of the image, ``job.name``, ``env.<name>``;
other names are errors. The condition of an ``if`` is one expression of the same language, and is true or false: a text such
as ``false``, which Python counts as true, is refused.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import TracebackType
from typing import TypeAlias

import jinja2
from jinja2 import nodes
from jinja2.exceptions import SecurityError
from jinja2.parser import Parser
from jinja2.runtime import LoopContext
from jinja2.sandbox import SandboxedEnvironment

from farm.matrix.simple import simple

MAX_STEPS = 20_000
MAX_VALUE_CHARACTERS = 64 << 10
MAX_OUTPUT_BYTES = (128 << 10) - 1
"""The longest text that can be one argument of a program (MAX_ARG_STRLEN of execve(2), less the NUL)."""

Scope: TypeAlias = dict[str, dict[str, object]]
"""What a template can name: ``{"matrix": {...}, "distro": {...}, "job": {...}, "env": {...}}``."""

_ALLOWED_NODES = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.If, nodes.For, nodes.Assign, nodes.Name, nodes.Const,
    nodes.Tuple, nodes.List, nodes.Keyword, nodes.CondExpr, nodes.Filter, nodes.Test, nodes.Call,
    nodes.Getattr, nodes.Getitem, nodes.Slice, nodes.Concat, nodes.Compare, nodes.Operand, nodes.BinExpr,
    nodes.UnaryExpr,
)  # fmt: skip
_STR_METHODS = frozenset(
    {"upper", "lower", "strip", "lstrip", "rstrip", "startswith", "endswith", "split", "title", "capitalize", "count",
     "isdigit", "removeprefix", "removesuffix", "find"}
)  # fmt: skip
DICT_METHODS = frozenset({"items", "keys", "values", "get"})
_KEPT_FILTERS = (
    "abs", "count", "d", "default", "first", "float", "int", "last", "length", "list", "max", "min", "reverse", "round",
    "sort", "unique",
)  # fmt: skip


GLOBALS = frozenset({"range", "loop"})
"""Names that are always there, or in a loop."""


class TemplateError(Exception):
    """A template that cannot be rendered; ``line`` is the line of its text, from 1. ``undefined``: for a name's sake."""

    def __init__(self, message: str, line: int, *, undefined: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.undefined = undefined


class Renderer:
    """Compiles and renders templates; between renders it keeps nothing but what it compiled."""

    def __init__(self) -> None:
        self._environment = _Environment()
        self._compiled: dict[tuple[str, bool], Callable[[Scope], str]] = {}

    def compile(self, text: str) -> Callable[[Scope], str]:
        """A function from scope to rendered text. Both raise ``TemplateError``."""
        return self._once(text, False)

    def condition(self, text: str) -> Callable[[Scope], bool]:
        """A function from scope to whether the expression ``text`` is true. Both raise ``TemplateError``."""
        render = self._once(text, True)
        return lambda scope: bool(render(scope))

    def parse(self, text: str, *, condition: bool = False) -> nodes.Template | None:
        """The syntax tree of ``text``; None where it is text only. Raises ``TemplateError``."""
        if not condition and is_plain(text):
            return None
        try:
            return self._environment.condition(text) if condition else self._environment.parse(text)
        except jinja2.TemplateSyntaxError as error:
            raise TemplateError(_tidy(error.message or "malformed template"), error.lineno) from None
        except (RecursionError, MemoryError, OverflowError, ValueError, SyntaxError):
            raise TemplateError("too deeply nested or too large a template", 1) from None

    def _once(self, text: str, condition: bool) -> Callable[[Scope], str]:
        render = self._compiled.get((text, condition))
        if render is None:
            render = self._compiled[text, condition] = self._function(text, condition)
        return render

    def _function(self, text: str, condition: bool) -> Callable[[Scope], str]:
        tree = self.parse(text, condition=condition)
        if tree is None:
            _bounded((text,), 1)
            return lambda _scope: text
        environment = self._environment
        names: dict[str, object] = dict(environment.globals)
        try:
            template = environment.from_string(tree)
        except (RecursionError, MemoryError, OverflowError, ValueError, SyntaxError):
            raise TemplateError("too deeply nested or too large a template", 1) from None

        def render(scope: Scope) -> str:
            environment.steps = 0
            try:
                # What template.new_context does, which looks at more than there is here.
                context = environment.context_class(environment, {**names, **scope}, None, template.blocks)
                return _bounded(template.root_render_func(context), 1)
            except TemplateError as error:
                raise TemplateError(error.message, _line(template, error.__traceback__) or error.line) from None
            except (ArithmeticError, jinja2.TemplateError, LookupError, RecursionError, TypeError, ValueError) as error:
                message = _tidy(str(error)) or type(error).__name__
                line = _line(template, error.__traceback__) or 1
                raise TemplateError(message, line, undefined=isinstance(error, jinja2.UndefinedError)) from None

        return simple(tree, render)


def is_plain(text: str) -> bool:
    """Whether there is nothing in ``text`` to be rendered."""
    return "{{" not in text and "{%" not in text


class _Environment(SandboxedEnvironment):
    """The subset described above."""

    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%", "**"})

    def __init__(self) -> None:
        super().__init__(
            undefined=_Undefined,
            finalize=_printed,
            keep_trailing_newline=True,
            cache_size=0,
            # A shell's ${#name} is not the start of a comment: what begins one holds a NUL, which no text here does.
            comment_start_string="{#\0",
            comment_end_string="\0#}",
        )
        self.steps = 0
        kept = {name: self.filters[name] for name in _KEPT_FILTERS}
        self.filters = kept | dict(_TEXT_FILTERS) | {"_steps": self._count_steps, "_item": _item, "_truth": _truth}
        self.globals = {"range": _range}

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        return _restricted(super()._parse(source, name, filename), self)

    def condition(self, source: str) -> nodes.Template:
        """The template that is ``1`` where the expression ``source`` is true, and empty where it is false."""
        parser = Parser(self, source, state="variable")
        expression = parser.parse_expression()
        if not parser.stream.eos:
            raise jinja2.TemplateSyntaxError(f"{parser.stream.current.value!r} does not belong here", 1)
        true = nodes.Output([nodes.TemplateData("1", lineno=1)], lineno=1)
        test = _filtered(expression, "_truth")
        return _restricted(nodes.Template([nodes.If(test, [true], [], [], lineno=1)], lineno=1), self)

    def _count_steps(self, items: Iterable[object]) -> Iterator[object]:
        for item in items:
            self.steps += 1
            if self.steps > MAX_STEPS:
                raise SecurityError(f"more than {MAX_STEPS:,} turns of a loop")
            yield item

    def getattr(self, obj: object, attribute: str) -> object:
        if isinstance(obj, Mapping):
            if attribute in obj:
                return obj[attribute]
            if attribute in DICT_METHODS:
                return getattr(obj, attribute)
        elif (isinstance(obj, str) and attribute in _STR_METHODS) or isinstance(obj, LoopContext):
            if not attribute.startswith("_"):
                return getattr(obj, attribute)
        elif isinstance(obj, jinja2.Undefined):
            return super().getattr(obj, attribute)
        if attribute.startswith("_") or not isinstance(obj, Mapping):
            raise SecurityError(f"{attribute!r} of a {type(obj).__name__} is closed to templates")
        return self.undefined(obj=obj, name=attribute, hint=not_in(obj, attribute))

    def getitem(self, obj: object, argument: object) -> object:
        if isinstance(argument, str):
            return self.getattr(obj, argument)
        return super().getitem(obj, argument)

    def call_binop(self, context: jinja2.runtime.Context, operator: str, left: object, right: object) -> object:
        _check_operands(operator, left, right)
        return super().call_binop(context, operator, left, right)


def _restricted(tree: nodes.Template, environment: _Environment) -> nodes.Template:
    """``tree`` with loops counted and ``~`` bounded. Raises ``TemplateSyntaxError`` for what the subset lacks."""
    for node in list(tree.find_all(nodes.Node)):
        recursive = isinstance(node, nodes.For) and node.recursive
        if recursive or not isinstance(node, _ALLOWED_NODES):
            called = "a recursive loop" if recursive else f"{{% {type(node).__name__.lower()} %}}"
            raise jinja2.TemplateSyntaxError(f"{called} is not allowed here", node.lineno)
        if isinstance(node, nodes.Filter) and node.name not in environment.filters:
            known = ", ".join(sorted(name for name in environment.filters if not name.startswith("_")))
            raise jinja2.TemplateSyntaxError(f"no filter is called {node.name!r}; there are {known}", node.lineno)
        if isinstance(node, nodes.For):
            node.iter = _filtered(node.iter, "_steps")
        if isinstance(node, nodes.List) or (isinstance(node, nodes.Tuple) and node.ctx == "load"):
            node.items = [_filtered(item, "_item") for item in node.items]
        if isinstance(node, nodes.Concat):
            # A join of the same parts means the same as ~ and is one of our bounded filters.
            node.nodes = [_filtered(nodes.List(list(node.nodes), lineno=node.lineno), "join")]
    tree.set_environment(environment)
    return tree


def _filtered(node: nodes.Node, name: str) -> nodes.Filter:
    return nodes.Filter(node, name, [], [], None, None, lineno=node.lineno)


def _bounded(parts: Iterable[str], line: int) -> str:
    """``parts`` as one text; stops at ``MAX_OUTPUT_BYTES``."""
    kept = []
    size = 0
    for part in parts:
        size += len(part) if part.isascii() else len(part.encode("utf-8", "surrogatepass"))
        if size > MAX_OUTPUT_BYTES:
            raise TemplateError("longer than 128 KiB, the most that Linux passes as one argument", line)
        kept.append(part)
    return "".join(kept)


def _check_operands(operator: str, left: object, right: object) -> None:
    numbers = isinstance(left, (int, float)) and isinstance(right, (int, float))
    if operator == "%" and not numbers:
        raise SecurityError("'%' is for numbers here; join text with ~")
    if operator == "**":
        raise SecurityError("'**' is not allowed here")
    if numbers and max(abs(left), abs(right)) > 1 << 64:  # type: ignore[arg-type]
        raise SecurityError("a number beyond 2**64")
    if operator == "*" and not numbers:
        count, items = (left, right) if isinstance(left, int) else (right, left)
        if not isinstance(count, int) or not isinstance(items, str):
            raise SecurityError("'*' is for numbers, and a text times a number")
        _check_size(count * len(items))
    if operator == "+" and isinstance(left, (str, list, tuple)) and isinstance(right, (str, list, tuple)):
        _check_size(len(left) + len(right))


def _check_size(size: int) -> None:
    if size > MAX_VALUE_CHARACTERS:
        raise SecurityError(f"a value of more than {MAX_VALUE_CHARACTERS:,} characters or items")


def _range(*bounds: int) -> range:
    found = range(*bounds)
    if len(found) > MAX_STEPS:
        raise SecurityError(f"range of more than {MAX_STEPS:,}")
    return found


def _text(value: object) -> str:
    """A text or number as text. Lists are refused: what they print is Python's, and a list can be large."""
    if isinstance(value, jinja2.Undefined):
        return str(value)  # which raises
    if value is None or not isinstance(value, (str, int, float)):
        raise SecurityError(f"a {type(value).__name__} is not text; of a list take one item, or join them")
    return str(value)


def _printed(value: object) -> str:
    return value if isinstance(value, str) else _text(value)


def _item(value: object) -> object:
    if isinstance(value, (str, int, float, jinja2.Undefined)) or value is None:
        return value
    raise SecurityError("a list holds texts and numbers only")


def _truth(value: object) -> bool:
    """What a condition comes to. A text counts as neither: 'false' and '0' would be true."""
    if isinstance(value, bool):
        return value
    if isinstance(value, jinja2.Undefined):
        str(value)  # which raises
    shown = repr(value) if isinstance(value, (str, int, float)) else f"a {type(value).__name__}"
    raise SecurityError(f"an if is true or false, and this is {shown}: compare it, as in matrix.opt == 'O2'")


def _join(items: Iterable[object], separator: object = "") -> str:
    between = _text(separator)
    parts = []
    size = 0
    for item in items:
        parts.append(_text(item))
        size += len(parts[-1]) + len(between)
        _check_size(size)
    return between.join(parts)


def _replace(text: object, old: object, new: object) -> str:
    found, wanted, put = _text(text), _text(old), _text(new)
    _check_size(len(found) + found.count(wanted) * len(put))
    return found.replace(wanted, put)


_TEXT_FILTERS: Mapping[str, Callable[..., str]] = {
    "capitalize": lambda value: _text(value).capitalize(),
    "join": _join,
    "lower": lambda value: _text(value).lower(),
    "quote": lambda value: shlex.quote(_text(value)),
    "replace": _replace,
    "string": _text,
    "title": lambda value: _text(value).title(),
    "trim": lambda value, characters=None: _text(value).strip(characters),
    "upper": lambda value: _text(value).upper(),
}
"""Filters of our own; ``quote`` makes one word of a POSIX shell."""


class _Undefined(jinja2.StrictUndefined):
    """jinja2's, with a message that says what there is."""

    @property
    def _undefined_message(self) -> str:
        return self._undefined_hint or not_there(str(self._undefined_name))


def not_there(name: str) -> str:
    """What is said of a name that is none of the scope."""
    return f"{name!r} is not defined; there are matrix, distro, job and env"


def not_in(obj: Mapping[str, object], attribute: str) -> str:
    """What is said of a name that is no key of ``obj``."""
    if attribute.startswith("FARM_"):
        return f"{attribute!r} is set in the container only: the script has it as ${attribute}"
    known = ", ".join(map(repr, list(obj)[:20]))
    return f"{attribute!r} is not defined here; there {'is' if len(obj) == 1 else 'are'} {known or 'none'}"


def _line(template: jinja2.Template, trace: TracebackType | None) -> int:
    """The line of the template's text that ``trace`` passed through last, or 0."""
    line = 0
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "<template>":
            line = template.get_corresponding_lineno(trace.tb_lineno)
        trace = trace.tb_next
    return line


def _tidy(message: str) -> str:
    """jinja2's message as ours: one line, no full stop, lower case at its start."""
    text = " ".join(message.split()).rstrip(".")
    return text[:1].lower() + text[1:] if text[:2] != text[:2].upper() else text
