"""How long traces and spend logs are kept, and how such a period is written.

Owns the shape of ``retention:``. Must not know who deletes what is older.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

_PERIOD: Final = re.compile(r"([1-9][0-9]{0,9})([smhdw])")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_DAY: Final = timedelta(days=1)
_HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """Older traces and spend logs are deleted; None keeps all of them."""

    traces: timedelta | None = None
    spend_logs: timedelta | None = None


def parse_period(text: str) -> timedelta | None:
    """Read ``30d``, ``12h`` or ``2w``, also in minutes and seconds; None for anything else."""
    found = _PERIOD.fullmatch(text)
    try:
        return timedelta(**{_UNITS[found[2]]: int(found[1])}) if found else None
    except OverflowError:
        return None


def format_period(period: timedelta | None) -> str:
    """Write a period in the largest of day, hour and second that fits, as LiteLLM reads it."""
    if period is None:
        return "all"
    if not period % _DAY:
        return f"{period // _DAY}d"
    if not period % _HOUR:
        return f"{period // _HOUR}h"
    return f"{period.total_seconds():.0f}s"
