from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewayctl.cli.syntax.since import parse_since
from gatewayctl.errors import UsageProblem

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@pytest.mark.parametrize(
    ("text", "before"),
    [
        ("30s", timedelta(seconds=30)),
        ("10m", timedelta(minutes=10)),
        ("1h", timedelta(hours=1)),
        ("2d", timedelta(days=2)),
        ("1w", timedelta(weeks=1)),
        ("2026-11-23T11:00+00:00", timedelta(hours=1)),
        ("2026-11-23T12:00+01:00", timedelta(hours=1)),
    ],
)
def test_a_duration_or_a_time(text: str, before: timedelta) -> None:
    assert parse_since(text, NOW) == NOW - before


@pytest.mark.parametrize("text", ["", "h", "1", "1y", "yesterday", "9999999w", "-1h"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(UsageProblem, match="Invalid --since"):
        parse_since(text, NOW)


@pytest.mark.parametrize(
    ("since", "ago"),
    [
        ("10s", timedelta(seconds=10)),
        ("10m", timedelta(minutes=10)),
        ("2h30m", timedelta(hours=2, minutes=30)),
        ("1d", timedelta(days=1)),
        ("0s", timedelta(0)),
        ("1h1h", timedelta(hours=2)),
    ],
)
def test_a_duration_is_subtracted_from_now(since: str, ago: timedelta) -> None:
    assert parse_since(since, NOW) == NOW - ago


@given(st.lists(st.tuples(st.integers(0, 10_000), st.sampled_from(sorted(UNITS))), min_size=1))
def test_the_parts_of_a_duration_add_up(parts: list[tuple[int, str]]) -> None:
    since = "".join(f"{number}{unit}" for number, unit in parts)

    found = parse_since(since, NOW)

    assert (NOW - found).total_seconds() == sum(number * UNITS[unit] for number, unit in parts)


@given(st.datetimes(min_value=datetime(1970, 1, 3), max_value=datetime(2100, 1, 1)))  # noqa: DTZ001
def test_an_iso_8601_time_is_local_without_an_offset(at: datetime) -> None:
    assert parse_since(at.isoformat(), NOW) == at.astimezone()
    aware = at.replace(tzinfo=UTC)
    assert parse_since(aware.isoformat(), NOW) == aware


def test_a_date_alone_is_its_midnight() -> None:
    found = parse_since("2026-01-31", NOW)

    assert found.replace(tzinfo=None) == datetime(2026, 1, 31)  # noqa: DTZ001


@pytest.mark.parametrize(
    "since",
    [
        *("", " ", "yesterday", "10", "m", "-10m", "10 m", "10M", "1.5h", "10m ago", "10m\n"),
        *("99999999999d", "9" * 5000 + "s", "0001-01-01", "2026-02-30", "٣x"),
    ],
)
def test_anything_else_is_a_usage_error_with_examples(since: str) -> None:
    with pytest.raises(UsageProblem, match="Invalid --since") as refused:
        parse_since(since, NOW)

    assert refused.value.exit_code == 2
    assert "10m" in refused.value.hint


@given(st.text(max_size=20))
def test_any_text_is_a_time_or_a_usage_error(since: str) -> None:
    try:
        found = parse_since(since, NOW)
    except UsageProblem:
        return
    assert found is not None
    assert found.tzinfo is not None
