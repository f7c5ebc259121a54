from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewayctl.output.table import make_table
from tests.fakes.terminals import piped


def lines_of(headers: list[str], rows: list[list[object | None]], width: int = 80) -> list[str]:
    console, out, _ = piped()
    rich = console.rich(out)
    rich.width = width
    rich.print(make_table(headers, rows))
    return [line.rstrip() for line in out.getvalue().splitlines()]


def test_columns_are_aligned_with_their_headers() -> None:
    assert lines_of(["SERVICE", "STATE"], [["litellm", "running"], ["pg", "stopped"]]) == [
        "SERVICE  STATE",
        "litellm  running",
        "pg       stopped",
    ]


@pytest.mark.parametrize("value", [None, ""])
def test_a_missing_value_is_a_dash(value: object) -> None:
    assert lines_of(["A", "B"], [[value, "x"]])[1] == "-  x"


@pytest.mark.parametrize("value", [0, 0.0, False])
def test_zero_and_false_are_not_missing(value: object) -> None:
    assert lines_of(["A"], [[value]])[1] == str(value)


@pytest.mark.parametrize(
    "text", ["[bold]no[/bold]", "[/]", "[link=x]", ":warning:", "\\[x]", "[not closed"]
)
def test_no_cell_is_parsed_as_markup(text: str) -> None:
    assert lines_of(["A"], [[text]])[1] == text


def test_control_characters_are_removed_from_cells() -> None:
    assert lines_of(["A"], [["a\x1b[2Jb\x07c"]])[1] == "abc"


@given(st.lists(st.text(st.characters(min_codepoint=33, max_codepoint=126)), min_size=2))
def test_a_table_keeps_its_width_and_loses_no_text(cells: list[str]) -> None:
    lines = lines_of(["A"], [[cell] for cell in cells], width=20)

    assert max(len(line) for line in lines) <= 20
    assert "".join(lines[1:]) == "".join(cell or "-" for cell in cells)


def test_a_wide_table_wraps_between_words_and_breaks_no_value() -> None:
    rows: list[list[object | None]] = [
        [
            "2026-11-29 03:36:51",
            "root",
            "keys rotate litellm-eval",
            "failed",
            "not_healthy_in_time",
        ],
        ["2026-11-29 03:36:52", "root", "up", "done", None],
    ]

    lines = lines_of(["WHEN (UTC)", "USER", "VERB", "OUTCOME", "CODE"], rows, width=72)

    assert lines == [
        "WHEN (UTC)           USER  VERB             OUTCOME  CODE",
        "2026-11-29 03:36:51  root  keys rotate      failed   not_healthy_in_time",
        "                           litellm-eval",
        "2026-11-29 03:36:52  root  up               done     -",
    ]


def test_a_table_that_fits_is_not_wrapped() -> None:
    assert lines_of(["A", "B"], [["one two", "three four"]], width=19)[1] == "one two  three four"


def test_where_words_do_not_fit_the_longest_is_broken() -> None:
    rows: list[list[object | None]] = [["a-very-long-alias-of-a-key", "LITELLM_API_KEY", "ok"]]

    lines = lines_of(["ALIAS", "VARIABLE", "STATE"], rows, width=40)

    assert lines[1:] == [
        "a-very-long-alia  LITELLM_API_KEY  ok",
        "s-of-a-key",
    ]
