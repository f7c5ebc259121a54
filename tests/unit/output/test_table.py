from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewayctl.output.table import format_duration, make_table
from tests.fakes.terminals import piped


def shown(heads: list[str], rows: list[list[object | None]], width: int = 80) -> list[str]:
    console, out, _ = piped()
    rich = console.rich(out)
    rich.width = width
    rich.print(make_table(heads, rows))
    return [line.rstrip() for line in out.getvalue().splitlines()]


def test_columns_stand_below_their_heads() -> None:
    assert shown(["SERVICE", "STATE"], [["litellm", "running"], ["pg", "stopped"]]) == [
        "SERVICE  STATE",
        "litellm  running",
        "pg       stopped",
    ]


@pytest.mark.parametrize("value", [None, ""])
def test_what_is_missing_is_a_dash(value: object) -> None:
    assert shown(["A", "B"], [[value, "x"]])[1] == "-  x"


@pytest.mark.parametrize("value", [0, 0.0, False])
def test_what_is_there_is_never_a_dash(value: object) -> None:
    assert shown(["A"], [[value]])[1] == str(value)


@pytest.mark.parametrize(
    "text", ["[bold]no[/bold]", "[/]", "[link=x]", ":warning:", "\\[x]", "[not closed"]
)
def test_nothing_in_a_table_is_markup(text: str) -> None:
    assert shown(["A"], [[text]])[1] == text


def test_nothing_in_a_table_moves_the_cursor() -> None:
    assert shown(["A"], [["a\x1b[2Jb\x07c"]])[1] == "abc"


@given(st.lists(st.text(st.characters(min_codepoint=33, max_codepoint=126)), min_size=2))
def test_a_table_keeps_to_its_width_and_loses_nothing(cells: list[str]) -> None:
    lines = shown(["A"], [[cell] for cell in cells], width=20)

    assert max(len(line) for line in lines) <= 20
    assert "".join(lines[1:]) == "".join(cell or "-" for cell in cells)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, None),
        (0, "0s"),
        (9.99, "9s"),
        (59.9, "59s"),
        (60, "1m00s"),
        (252, "4m12s"),
        (3599, "59m59s"),
        (3600, "1h00m"),
        (11100, "3h05m"),
        (86399, "23h59m"),
        (86400, "1d0h"),
        (187200, "2d4h"),
    ],
)
def test_durations_are_short(seconds: float | None, text: str | None) -> None:
    assert format_duration(seconds) == text


@given(st.floats(min_value=0, max_value=10**9))
def test_a_duration_is_short_however_long_it_is(seconds: float) -> None:
    text = format_duration(seconds)

    assert text is not None
    assert len(text) <= 9
