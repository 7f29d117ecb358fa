"""Files of variables, as ``docker run --env-file`` and dotenv know them: a line ``NAME=VALUE`` each.

Empty lines and those that begin with ``#`` are skipped, and ``export`` before a name too. A value goes to the end of its line,
without the blanks around it; one in quotes is what stands between them, as it is. Nothing is expanded: a ``$`` is a ``$``.
"""

from __future__ import annotations

import os

from farm.matrix.document import Template
from farm.matrix.fields import VARIABLE_RULE
from farm.matrix.mounting import host_path
from farm.matrix.problems import MatrixError, Problem
from farm.matrix.scalars import VARIABLE
from farm.matrix.source import Place, SourceText, read_source
from farm.matrix.tree import Scalar


def read_variables(source: SourceText, written: Scalar, problems: list[Problem]) -> tuple[tuple[str, Template], ...]:
    """Those of the file that ``written`` in ``source`` names, in its order; errors are appended to ``problems``."""
    path = host_path(source.file, written.text)
    if os.path.exists(path) and not os.path.isfile(path):  # a FIFO would keep whoever opens it waiting
        problems.append(source.problem(written.place, f"the env-file {written.text!r} is no file"))
        return ()
    try:
        file = read_source(path)
    except MatrixError as error:
        for each in error.problems:
            if each.line:
                problems.append(each)
            else:
                remedy = f"paths are relative to the file they are in: looked for {path}"
                problems.append(source.problem(written.place, f"the env-file {written.text!r}: {each.message}", remedy))
        return ()
    found = []
    for number, line in enumerate(file.lines, 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        pair = _pair(text)
        if isinstance(pair, tuple):
            found.append((pair[0], Template(pair[1], Place(number, 1), raw=True)))
        else:
            problems.append(file.problem(Place(number, len(line) - len(line.lstrip()) + 1), *pair.split("\n", 1)))
    return tuple(found)


def _pair(line: str) -> tuple[str, str] | str:
    """Name and value, or message and remedy on two lines."""
    name, equals, value = line.removeprefix("export ").partition("=")
    name, value = name.strip(), value.strip()
    if not equals:
        return "a line of an env-file is NAME=VALUE\nwrite NAME= for an empty value; a secret is named in secrets"
    if not VARIABLE.fullmatch(name):
        return f"{name!r} is not a name for a variable\n{VARIABLE_RULE}"
    if name.startswith("FARM_"):
        return f"the farm itself sets {name!r}\nnames beginning with FARM_ are its own"
    if "\0" in value:
        return "this value has a NUL character in it, which no variable can hold\nremove it"
    if value[:1] in ("'", '"'):
        if len(value) < 2 or value[-1] != value[0]:
            return f"this value begins with {value[0]} and does not end with it\nclose the quote"
        return name, value[1:-1]
    return name, value
