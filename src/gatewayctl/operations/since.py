"""``--since``: a length of time before now, or a moment."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from gatewayctl.errors import UsageProblem

_LENGTH: Final = re.compile(r"([0-9]{1,6})(s|m|h|d|w)")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def moment_of(text: str, now: datetime) -> datetime:
    """``1h`` is an hour before ``now``; anything else is read as ISO 8601, UTC by default.

    Raises UsageProblem for text that is neither.
    """
    length = _LENGTH.fullmatch(text.strip())
    if length is not None:
        number, unit = length.groups()
        try:
            return now - timedelta(**{_UNITS[unit]: int(number)})
        except OverflowError:
            raise _no_time(text) from None
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise _no_time(text) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _no_time(text: str) -> UsageProblem:
    return UsageProblem(
        f"--since {text!r} is no time.", hint="Write 30s, 10m, 1h, 2d, or 2026-01-31T12:00."
    )
