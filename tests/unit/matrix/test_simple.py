"""What renders without jinja2's machinery gives what jinja2 gives, and leaves to it what it cannot do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.matrix.simple import simple
from farm.matrix.template import Renderer, Scope, TemplateError

PIECES = st.lists(
    st.sampled_from(
        ["{{ matrix.a }}", "{{ env.B }}", "{{matrix.b}}", "{{- env.B -}}", "text ", "\n", "$x", "}} ", "é"]
    ),
    max_size=8,
)
VALUES = st.text(st.characters(exclude_categories=("Cs",)), max_size=5)


@given(PIECES, VALUES, VALUES, VALUES)
def test_it_is_the_same_text(pieces: list[str], a: str, b: str, c: str) -> None:
    renderer = Renderer()
    text = "".join(pieces)
    tree = renderer.parse(text)
    if tree is None:
        return
    scope: Scope = {"matrix": {"a": a, "b": b}, "env": {"B": c}, "distro": {}, "job": {}}
    asked: list[Scope] = []

    def general(given: Scope) -> str:
        asked.append(given)
        return ""

    made = simple(tree, general)(scope)
    plain = text.replace("{{ matrix.a }}", "{{ (matrix.a) ~ '' }}")  # which is not simple
    if not asked:
        assert made == renderer.compile(plain)(scope)


@pytest.mark.parametrize(
    "text",
    ["{{ matrix.a | upper }}", "{% if matrix.a %}x{% endif %}", "{{ matrix['a'] }}", "{{ env.N }}", "{{ matrix.a.b }}"],
)
def test_the_rest_is_left_to_jinja(text: str) -> None:
    tree = Renderer().parse(text)
    assert tree is not None
    scope: Scope = {"matrix": {"a": "x"}, "env": {"N": 1}}
    assert simple(tree, lambda _scope: "jinja's")(scope) == "jinja's"


def test_what_is_not_there_is_jinjas_error() -> None:
    with pytest.raises(TemplateError, match="'nothing' is not defined here; there is 'a'"):
        Renderer().compile("{{ matrix.nothing }}")({"matrix": {"a": "x"}})
    with pytest.raises(TemplateError, match="'nowhere' is not defined"):
        Renderer().compile("{{ nowhere.a }}")({"matrix": {"a": "x"}})
    with pytest.raises(TemplateError, match="longer than 128 KiB"):
        Renderer().compile("{{ matrix.a }}" * 3)({"matrix": {"a": "x" * 50_000}})
