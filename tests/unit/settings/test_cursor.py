from __future__ import annotations

from typing import Any

import pytest

from gatewayctl.errors import SettingsInvalid
from gatewayctl.settings.cursor import Cursor
from gatewayctl.settings.document import parse
from gatewayctl.settings.problems import Problems


def at(text: str) -> Cursor:
    """A cursor at the value of ``a``."""
    problems = Problems()
    node = parse(text, name="gateway.yaml", problems=problems)
    return Cursor(node=node, problems=problems).child("a")


def complaints(cursor: Cursor) -> list[str]:
    with pytest.raises(SettingsInvalid) as caught:
        cursor.problems.raise_all()
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [
        (Cursor.string, "x", "x"),
        (Cursor.strings, "[x, y]", ("x", "y")),
        (Cursor.strings, "x", ("x",)),
        (Cursor.strings, "~", ()),
        (Cursor.non_negative_integer, "0", 0),
        (Cursor.seconds, "0.5", 0.5),
        (Cursor.variable, "MY_KEY", "MY_KEY"),
        (Cursor.data, "{x: [1, {y: 2.5}]}", {"x": [1, {"y": 2.5}]}),
        (Cursor.data, "~", {}),
    ],
)
def test_a_value_of_the_expected_type_is_read(read: Any, text: str, value: object) -> None:
    cursor = at(f"a: {text}\n")

    assert read(cursor) == value
    cursor.problems.raise_all()


@pytest.mark.parametrize(
    ("read", "text", "message"),
    [
        (Cursor.string, "3", "a must be a string, not '3'"),
        (Cursor.string, "' '", "a must be a string, not ' '"),
        (Cursor.strings, "[x, 3]", "a[1] must be a string, not '3'"),
        (Cursor.strings, "[x, x]", "'x' is given twice in a"),
        (Cursor.non_negative_integer, "-1", "a must be a non-negative integer, not '-1'"),
        (Cursor.non_negative_integer, "true", "a must be a non-negative integer, not true"),
        (Cursor.seconds, ".inf", "a must be a positive number of seconds, not 'inf'"),
        (Cursor.variable, "1A", "a must be the name of an environment variable, not '1A'"),
        (Cursor.mapping, "[x]", "a must be a mapping, not a list"),
        (Cursor.data, "{x: [.nan]}", "a.x[0] must not be infinity or not-a-number"),
    ],
)
def test_a_value_of_another_type_is_reported(read: Any, text: str, message: str) -> None:
    cursor = at(f"a: {text}\n")

    read(cursor)

    (found,) = complaints(cursor)
    assert found.split(": ", 1)[1] == message


def test_a_setting_that_is_not_given_reads_as_nothing_and_is_reported_at_its_parent() -> None:
    missing = at("a:\n  x: 1\n").child("b").child("c")

    assert (missing.string(), missing.strings(), missing.seconds()) == (None, (), None)
    assert (missing.variable(), missing.mapping(), dict(missing.data())) == (None, {}, {})
    missing.problems.raise_all()
    missing.add(f"{missing.path} is required")
    assert complaints(missing) == ["gateway.yaml line 1 column 1: a.b.c is required"]


def test_a_short_form_is_expanded_to_a_mapping_with_the_same_position() -> None:
    cursor = at("a: x\n").expand(str, "model")

    assert cursor.child("model").string() == "x"
    assert cursor.child("model").path == "a.model"
    assert cursor.expand(list, "other") is cursor
