"""The verb logs: lines of the services in chronological order, keys masked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from gatewayctl.runtimes.base import LogLine, Runtime
from gatewayctl.settings.masking import mask_keys


@dataclass(frozen=True, slots=True, kw_only=True)
class LogsReport:
    """The selected lines, oldest first."""

    lines: tuple[LogLine, ...]


def logs(
    runtime: Runtime,
    services: Sequence[str],
    *,
    tail: int | None,
    since: datetime | None,
    follow: bool,
) -> Iterator[LogLine]:
    """Yield the lines of these services, or of all, with keys masked. Raises UnknownService."""
    # Services log the requests they receive, including keys.
    lines = runtime.logs(services, tail=tail, since=since, follow=follow)
    return (replace(line, text=mask_keys(line.text)) for line in lines)
