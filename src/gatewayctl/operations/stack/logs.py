"""The verb logs: lines of the services in chronological order, secrets masked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from gatewayctl.runtimes.base import LogLine, Runtime
from gatewayctl.settings.masking import LineMask


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
    """Yield the lines of these services, or of all, with secrets masked. Raises UnknownService."""
    # Services log the requests they receive, including keys.
    return _mask(runtime.logs(services, tail=tail, since=since, follow=follow))


def _mask(lines: Iterator[LogLine]) -> Iterator[LogLine]:
    """Mask each service's lines as a stream of its own: those of several services are mixed."""
    streams: dict[str, LineMask] = {}
    for line in lines:
        stream = streams.setdefault(line.service, LineMask())
        yield replace(line, text=stream.mask(line.text))
