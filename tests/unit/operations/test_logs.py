from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewayctl.errors import UnknownService, UsageProblem
from gatewayctl.operations.logs import logs, moment
from gatewayctl.runtimes.base import LogLine
from tests.fakes.runtime import FakeRuntime

NOW = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


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
def test_a_time_ago(since: str, ago: timedelta) -> None:
    assert moment(since, now=NOW) == NOW - ago


@given(st.lists(st.tuples(st.integers(0, 10_000), st.sampled_from(sorted(UNITS))), min_size=1))
def test_the_parts_of_a_time_ago_add_up(parts: list[tuple[int, str]]) -> None:
    since = "".join(f"{number}{unit}" for number, unit in parts)

    found = moment(since, now=NOW)

    assert found is not None
    assert (NOW - found).total_seconds() == sum(number * UNITS[unit] for number, unit in parts)


@given(st.datetimes(min_value=datetime(1970, 1, 3), max_value=datetime(2100, 1, 1)))  # noqa: DTZ001
def test_a_time_of_iso_8601_is_that_time_and_local_if_it_does_not_say(at: datetime) -> None:
    assert moment(at.isoformat()) == at.astimezone()
    aware = at.replace(tzinfo=UTC)
    assert moment(aware.isoformat()) == aware


def test_a_date_alone_is_its_beginning() -> None:
    found = moment("2026-01-31")

    assert found is not None
    assert found.replace(tzinfo=None) == datetime(2026, 1, 31)  # noqa: DTZ001


def test_no_time_is_no_limit() -> None:
    assert moment(None) is None


@pytest.mark.parametrize(
    "since",
    [
        *("", " ", "yesterday", "10", "m", "-10m", "10 m", "10M", "1.5h", "10m ago", "10m\n"),
        *("99999999999d", "9" * 5000 + "s", "0001-01-01", "2026-02-30", "٣x"),
    ],
)
def test_anything_else_is_a_usage_error_with_examples(since: str) -> None:
    with pytest.raises(UsageProblem, match="is not a time") as refused:
        moment(since)

    assert refused.value.exit_code == 2
    assert "10m" in refused.value.hint


@given(st.text(max_size=20))
def test_whatever_is_typed_is_a_time_or_a_usage_error(since: str) -> None:
    try:
        found = moment(since, now=NOW)
    except UsageProblem:
        return
    assert found is not None
    assert found.tzinfo is not None


def test_lines_of_the_runtime_are_handed_on() -> None:
    lines = (LogLine(service="litellm", text="one"), LogLine(service="phoenix", text="two"))
    runtime = FakeRuntime(lines=lines)

    assert tuple(logs(runtime, [], tail=None, since=None, follow=False)) == lines
    named = logs(runtime, ["phoenix"], tail=5, since=None, follow=True)
    assert [line.text for line in named] == ["two"]
    assert runtime.calls == [
        "logs all tail=None follow=False",
        "logs phoenix tail=5 follow=True",
    ]


def test_keys_in_a_log_are_masked_and_words_are_not() -> None:
    text = "disk-space of task-runner-17: Bearer sk-virtual-0123456789abcd refused"
    runtime = FakeRuntime(lines=(LogLine(service="litellm", text=text, at=NOW),))

    (line,) = logs(runtime, [], tail=None, since=None, follow=False)

    assert line.text == "disk-space of task-runner-17: Bearer sk-…abcd refused"
    assert line.at == NOW


def test_an_unknown_service_and_a_wrong_time_are_refused_before_a_line_is_read() -> None:
    with pytest.raises(UnknownService):
        logs(FakeRuntime(), ["redis"], tail=None, since=None, follow=False)
    with pytest.raises(UsageProblem):
        logs(FakeRuntime(), [], tail=None, since="soon", follow=False)
