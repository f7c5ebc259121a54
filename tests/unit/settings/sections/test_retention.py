"""The section retention: periods, and who may declare them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from gatewayctl.settings.declared.retention import Retention, format_period, parse_period
from tests.fakes.projects import problems, project

DAY = timedelta(days=1)


@pytest.mark.parametrize("text", ["", "retention:", "retention: {}", "retention: {traces: null}"])
def test_nothing_is_deleted_unless_it_is_declared(tmp_path: Path, text: str) -> None:
    assert project(tmp_path, text).retention == Retention()


@pytest.mark.parametrize(
    ("given", "period"),
    [
        ("30d", 30 * DAY),
        ("12h", DAY / 2),
        ("2w", 14 * DAY),
        ("90m", timedelta(minutes=90)),
        ("1h", timedelta(hours=1)),
        ("36500d", 36_500 * DAY),
    ],
)
def test_a_period_is_a_number_and_a_unit(tmp_path: Path, given: str, period: timedelta) -> None:
    settings = project(tmp_path, f"retention: {{traces: {given}, spend_logs: {given}}}")

    assert settings.retention == Retention(traces=period, spend_logs=period)


def test_each_can_be_declared_alone(tmp_path: Path) -> None:
    assert project(tmp_path, "retention: {spend_logs: 90d}").retention == Retention(
        spend_logs=90 * DAY
    )


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ("30", "must be a duration such as 30d, 12h or 2w, not '30' (did you mean '30d'?)"),
        ("'30'", "must be a duration such as 30d, 12h or 2w, not '30' (did you mean '30d'?)"),
        ("0d", "must be a duration such as 30d, 12h or 2w, not '0d'; leave it out to keep all"),
        ("-1d", "must be a duration such as 30d, 12h or 2w, not '-1d'; leave it out to keep all"),
        ("30 days", "must be a duration such as 30d, 12h or 2w, not '30 days'"),
        ("30D", "must be a duration such as 30d, 12h or 2w, not '30D'"),
        ("1mo", "must be a duration such as 30d, 12h or 2w, not '1mo'"),
        ("true", "must be a duration such as 30d, 12h or 2w, not true"),
        ("[30d]", "must be a duration such as 30d, 12h or 2w, not"),
        ("59m", "must be from 1h to 36500d, not '59m'"),
        ("36501d", "must be from 1h to 36500d, not '36501d'"),
        ("9999999999w", "must be a duration such as 30d, 12h or 2w, not '9999999999w'"),
    ],
)
@pytest.mark.parametrize("name", ["traces", "spend_logs"])
def test_what_is_no_period_is_refused_with_its_line(
    tmp_path: Path, name: str, given: str, problem: str
) -> None:
    (found,) = problems(tmp_path, f"retention:\n  {name}: {given}")

    assert found.startswith("gateway.yaml line 2")
    assert f"retention.{name} {problem}" in found


def test_an_unknown_name_gets_the_nearest_one(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, "retention: {trace: 30d}")

    assert "unknown setting 'trace' in retention (did you mean 'traces'?)" in found


def test_a_single_period_for_both_is_refused(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, "retention: 30d")

    assert "retention must be a mapping, not '30d'" in found


def test_the_gateway_of_others_has_the_retention_of_others(tmp_path: Path) -> None:
    text = "runtime: external\nexternal: {url: http://gw:4000}\nretention: {spend_logs: 30d}"

    (found,) = problems(tmp_path, text)

    assert found.startswith("gateway.yaml line 3")
    assert "others operate this gateway: its retention is set where it runs" in found


@pytest.mark.parametrize("tracing", ["none", "'https://phoenix.example.com'"])
def test_the_traces_of_another_place_are_not_deleted_from_here(
    tmp_path: Path, tracing: str
) -> None:
    text = f"tracing: {tracing}\nretention:\n  spend_logs: 30d\n  traces: 30d\n"

    (found,) = problems(tmp_path, text)

    assert found.startswith("gateway.yaml line 4")
    assert "this project has no Phoenix of its own" in found


@pytest.mark.parametrize("text", ["30d", "12h", "36h", "5400s", "1d"])
def test_a_period_is_written_as_it_is_read(text: str) -> None:
    assert format_period(parse_period(text)) == text


def test_a_period_is_written_in_the_largest_unit_that_litellm_reads() -> None:
    assert format_period(parse_period("2w")) == "14d"
    assert format_period(parse_period("48h")) == "2d"
    assert format_period(None) == "all"
