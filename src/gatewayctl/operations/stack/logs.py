"""The verb logs: lines of the services, in order of time."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from gatewayctl.runtimes.base import LogLine, Runtime
from gatewayctl.settings.model import Secret

# Services write what they are asked into their logs, keys included.
_KEY: Final = re.compile(r"(?:(?<![A-Za-z0-9])|(?<=%[0-9A-Fa-f]{2}))sk-[A-Za-z0-9_\-]{8,}")


@dataclass(frozen=True, slots=True, kw_only=True)
class LogsReport:
    """The asked lines, oldest first."""

    lines: tuple[LogLine, ...]


def logs(
    runtime: Runtime,
    services: Sequence[str],
    *,
    tail: int | None,
    since: datetime | None,
    follow: bool,
) -> Iterator[LogLine]:
    """Lines of these services, or of all, keys masked. Raises UnknownService."""
    lines = runtime.logs(services, tail=tail, since=since, follow=follow)
    return (replace(line, text=_KEY.sub(_masked, line.text)) for line in lines)


def _masked(found: re.Match[str]) -> str:
    return Secret(found.group()).masked()
