"""Parses ``--since`` (a duration before now, or a point in time) and other durations."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from gatewayctl.errors import UsageProblem

_PART: Final = re.compile(r"([0-9]+)([smhdw])")
_LENGTH: Final = re.compile(rf"({_PART.pattern})+")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def since_moment(text: str | None) -> datetime | None:
    """Parse an optional ``--since``. Raises UsageProblem."""
    return None if text is None else parse_since(text)


def parse_since(text: str, now: datetime | None = None) -> datetime:
    """Parse ``1h`` or ``2h30m`` before ``now``, or an ISO 8601 time (local without an offset).

    Raises UsageProblem for anything else.
    """
    try:
        if _LENGTH.fullmatch(text):
            parts = (timedelta(**{_UNITS[unit]: int(n)}) for n, unit in _PART.findall(text))
            return (now or datetime.now(UTC)) - sum(parts, timedelta())
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError):
        raise UsageProblem(
            f"Invalid --since {text!r}: expected a duration or a time.",
            hint="For example: 10m, 2h, 1d, 2026-01-31T12:00.",
        ) from None


def parse_duration(text: str, *, option: str) -> float:
    """Parse ``90s`` or ``1m30s``; in seconds. Raises UsageProblem for anything else, and for 0."""
    try:
        if _LENGTH.fullmatch(text):
            parts = (timedelta(**{_UNITS[unit]: int(n)}) for n, unit in _PART.findall(text))
            seconds = sum(parts, timedelta()).total_seconds()
            if seconds > 0:
                return seconds
    except OverflowError:
        pass
    raise UsageProblem(
        f"Invalid {option} {text!r}: expected a duration.", hint="For example: 30s, 5m, 1h."
    )
