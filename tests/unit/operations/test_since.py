from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from gatewayctl.errors import UsageProblem
from gatewayctl.operations.since import moment_of

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "before"),
    [
        ("30s", timedelta(seconds=30)),
        ("10m", timedelta(minutes=10)),
        ("1h", timedelta(hours=1)),
        (" 2d ", timedelta(days=2)),
        ("1w", timedelta(weeks=1)),
        ("2026-11-23T11:00", timedelta(hours=1)),
        ("2026-11-23T12:00+01:00", timedelta(hours=1)),
    ],
)
def test_a_length_or_a_moment(text: str, before: timedelta) -> None:
    assert moment_of(text, NOW) == NOW - before


@pytest.mark.parametrize("text", ["", "h", "1", "1y", "yesterday", "999999w", "-1h"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(UsageProblem, match="is no time"):
        moment_of(text, NOW)
