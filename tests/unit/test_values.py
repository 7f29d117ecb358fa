"""Values are what the standard library's frozen dataclasses are, for all that the farm does with them."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from dataclasses import field

import pytest

from farm.values import dataclass


@dataclass(frozen=True, slots=True)
class Inner:
    """One field."""

    name: str = ""


@dataclass(frozen=True, slots=True)
class Value:
    """A field of each kind."""

    first: int
    second: tuple[str, ...] = ()
    inner: Inner = field(default_factory=Inner)
    where: str = field(default="", compare=False)

    @property
    def twice(self) -> int:
        return 2 * self.first


@dataclass(frozen=True, slots=True)
class Empty:
    """No field."""


@dataclass(frozen=True, slots=True)
class Own:
    """Methods of its own."""

    text: str

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Own) and self.text.lower() == other.text.lower()

    def __repr__(self) -> str:
        return f"<{self.text}>"


def test_fields_are_given_by_place_or_name_or_have_their_default():
    value = Value(1, where="x")
    assert (value.first, value.second, value.inner, value.where, value.twice) == (1, (), Inner(), "x", 2)
    assert Value(first=2, second=("a",)) == Value(2, ("a",))
    assert Value(1).inner is not Value(1).inner  # made anew


@pytest.mark.parametrize("given", [((), {}), ((1, (), Inner(), "", 5), {}), ((1,), {"other": 2}), ((1,), {"first": 1})])
def test_what_does_not_fit_is_a_type_error(given):
    with pytest.raises(TypeError, match="__init__"):
        Value(*given[0], **given[1])


def test_equal_values_are_equal_and_what_is_not_compared_makes_no_difference():
    assert Value(1, where="here") == Value(1, where="there")
    assert len({Value(1), Value(1, where="x"), Value(2), Inner(), Empty(), Empty()}) == 4
    assert Value(1) != Value(1, ("a",))
    assert Inner("1") != Empty()
    assert Value(1) != (1, (), Inner(), "")


def test_nothing_of_a_value_can_be_changed_and_nothing_added():
    value = Value(1)
    for name in ("first", "other"):
        with pytest.raises(dataclasses.FrozenInstanceError, match=name):
            setattr(value, name, 2)
    with pytest.raises(dataclasses.FrozenInstanceError, match="first"):
        del value.first
    assert not hasattr(value, "__dict__")


def test_it_is_told_as_it_is_made():
    assert repr(Value(1, ("a",))) == "Value(first=1, second=('a',), inner=Inner(name=''), where='')"
    assert (repr(Empty()), repr(Own("a"))) == ("Empty()", "<a>")


def test_what_a_class_says_itself_stays():
    assert Own("A") == Own("a")
    assert Own("a") != Own("b")


def test_it_is_a_dataclass_to_everybody():
    value = Value(1, ("a",))
    assert dataclasses.is_dataclass(value)
    assert [each.name for each in dataclasses.fields(value)] == ["first", "second", "inner", "where"]
    assert dataclasses.replace(value, first=2) == Value(2, ("a",))
    match value:
        case Value(first, second):
            assert (first, second) == (1, ("a",))


@pytest.mark.parametrize("value", [Value(1, ("a",), Inner("b"), "here"), Inner("x"), Empty()])
def test_it_is_copied_and_pickled(value):
    for other in (copy.copy(value), copy.deepcopy(value), pickle.loads(pickle.dumps(value))):
        assert (other, repr(other)) == (value, repr(value))
