"""The verb logs: lines of the services, in order of time."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from gatewayctl.errors import UsageProblem
from gatewayctl.runtimes.base import LogLine, Runtime
from gatewayctl.settings.model import Secret

# Services write what they are asked into their logs, keys included.
_KEY: Final = re.compile(r"(?:(?<![A-Za-z0-9])|(?<=%[0-9A-Fa-f]{2}))sk-[A-Za-z0-9_\-]{8,}")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


@dataclass(frozen=True, slots=True, kw_only=True)
class LogsReport:
    """The asked lines, oldest first."""

    lines: tuple[LogLine, ...]


def logs(
    runtime: Runtime,
    services: Sequence[str],
    *,
    tail: int | None,
    since: str | None,
    follow: bool,
) -> Iterator[LogLine]:
    """Lines of these services, or of all, keys masked. Raises UnknownService and UsageProblem."""
    lines = runtime.logs(services, tail=tail, since=moment(since), follow=follow)
    return (replace(line, text=_KEY.sub(_masked, line.text)) for line in lines)


def moment(since: str | None, *, now: datetime | None = None) -> datetime | None:
    """A point in time from ``10m``, ``2h30m``, ``1d`` (ago) or an ISO 8601 time (local if bare).

    Raises UsageProblem for anything else.
    """
    if since is None:
        return None
    try:
        if re.fullmatch(r"(\d+[smhd])+", since):
            parts = re.findall(r"(\d+)([smhd])", since)
            ago = sum((timedelta(**{_UNITS[unit]: int(n)}) for n, unit in parts), timedelta())
            return (now or datetime.now(UTC)) - ago
        return datetime.fromisoformat(since).astimezone()
    except (ValueError, OverflowError):
        raise UsageProblem(
            f"--since {since!r} is not a time.", hint="For example: 10m, 2h, 1d, 2026-01-31T12:00."
        ) from None


def _masked(found: re.Match[str]) -> str:
    return Secret(found.group()).masked()
