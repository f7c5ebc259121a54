from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewayctl.output.wording import count, format_duration, format_money


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
def test_durations_have_at_most_two_units(seconds: float | None, text: str | None) -> None:
    assert format_duration(seconds) == text


@given(st.floats(min_value=0, max_value=10**9))
def test_a_formatted_duration_has_at_most_nine_characters(seconds: float) -> None:
    text = format_duration(seconds)

    assert text is not None
    assert len(text) <= 9


@pytest.mark.parametrize(("number", "text"), [(0, "0 retries"), (1, "1 retry"), (2, "2 retries")])
def test_a_number_agrees_with_its_noun(number: int, text: str) -> None:
    assert count(number, "retry", "retries") == text


@pytest.mark.parametrize(
    ("cost", "text"),
    [(None, "-"), (0, "$0"), (0.000123, "$0.000123"), (0.5, "$0.5"), (12, "$12")],
)
def test_money_has_no_needless_zeros_and_an_unknown_sum_is_a_dash(
    cost: float | None, text: str
) -> None:
    assert format_money(cost) == text
