"""The verb logs: lines of the services in chronological order, secrets masked.

Owns which lines are left out: the successful requests with which gatewayctl and the engine ask
again and again whether a service is ready, or whether a trace has arrived.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from gatewayctl.runtimes.base import LogLine, Runtime, keep_all
from gatewayctl.settings.masking import LineMask

# As uvicorn logs a request; in a JSON log the quotes are escaped.
_POLLING: Final = re.compile(
    r'"(?:GET|HEAD) /(?:health/(?:readiness|liveliness|liveness)|healthz|readyz'
    r"|v1/projects/[^/ ]+/spans\?trace_id=\S*)"
    r'(?:\?\S*)? HTTP/[\d.]+\\?" 200\b'
)


def is_no_polling(text: str) -> bool:
    """False for a successful request that only asks for health or for the spans of one trace."""
    return _POLLING.search(text) is None


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
    everything: bool = False,
) -> Iterator[LogLine]:
    """Yield the lines of these services, or of all, with secrets masked.

    With ``everything`` also those of polling. Raises UnknownService.
    """
    keep = keep_all if everything else is_no_polling
    # Services log the requests they receive, including keys.
    return _mask(runtime.logs(services, tail=tail, since=since, follow=follow, keep=keep))


def _mask(lines: Iterator[LogLine]) -> Iterator[LogLine]:
    """Mask each service's lines as a stream of its own: those of several services are mixed."""
    streams: dict[str, LineMask] = {}
    for line in lines:
        stream = streams.setdefault(line.service, LineMask())
        yield replace(line, text=stream.mask(line.text))
