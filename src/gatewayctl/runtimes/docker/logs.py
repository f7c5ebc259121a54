"""Log lines as Compose writes them, put in order of time.

Owns the form `service-1  | 2026-11-23T17:00:00.123456789Z text`. Must not know what is in a text.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from gatewayctl.runtimes.base import LogLine
from gatewayctl.runtimes.docker import engine
from gatewayctl.runtimes.docker.docker_cli import DockerCli, Lines
from gatewayctl.runtimes.docker.states import parse_time

# Compose clears the line before it writes, even where it was told to leave that.
_LINE: Final = re.compile(
    r"^(?:\x1b\[[0-9;]*[A-Za-z])*(?P<service>\S+?)(?:-\d+)?\s+\| (?P<at>\S+) ?(?P<text>.*)$"
)
_EARLIEST: Final = datetime.min.replace(tzinfo=UTC)
_OVERLAP: Final = timedelta(seconds=2)
"""The program is started twice, and the clocks of engine and command line are not one."""


def read_logs(
    docker: DockerCli,
    services: Sequence[str],
    *,
    tail: int | None,
    since: datetime | None,
    follow: bool,
) -> Generator[LogLine, None, None]:
    """The lines of several services in order of time; ``tail`` counts per service.

    What comes while following is handed on as it comes.
    """
    began = datetime.now(UTC) - _OVERLAP
    known = parse_lines(_whole(docker.logs(services, tail=tail, since=since, follow=False)))
    past = sorted(known, key=lambda line: line.at or _EARLIEST)
    yield from past
    if not follow:
        return
    seen = {line.service: line.at for line in past if line.at is not None}
    begin = max(began, since) if since else began
    lines = docker.logs(services, tail=None, since=begin, follow=True)
    try:
        for line in parse_lines(lines):
            last = seen.get(line.service)
            if last is None or line.at is None or line.at > last:
                yield line
    finally:
        lines.close()


def _whole(lines: Lines) -> Iterator[str]:
    """The lines of a program that must end well."""
    done = yield from lines
    if done.returncode:
        raise engine.failure(done.stdout, doing="show the logs")


def parse_lines(lines: Iterable[str]) -> Iterator[LogLine]:
    """Each line with its service and time; what Compose says itself is left out."""
    last: dict[str, datetime] = {}
    for text in lines:
        found = _LINE.match(text)
        if found is None:
            continue
        service, at = found["service"], parse_time(found["at"])
        if at is not None:
            last[service] = at
            yield LogLine(service=service, text=found["text"], at=at)
        else:
            whole = LogLine(service=service, text=f"{found['at']} {found['text']}".rstrip())
            yield replace(whole, at=last.get(service))
