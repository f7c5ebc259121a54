"""Log lines as Compose writes them, sorted by time.

Owns the format `service-1  | 2026-11-23T17:00:00.123456789Z text`. Must not interpret the text.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from gatewayctl.runtimes.base import Keep, LogLine, keep_all
from gatewayctl.runtimes.docker import engine
from gatewayctl.runtimes.docker.docker_cli import DockerCli, Lines
from gatewayctl.runtimes.docker.states import parse_time

# Compose clears the line before it writes, even with --ansi never.
_LINE: Final = re.compile(
    r"^(?:\x1b\[[0-9;]*[A-Za-z])*(?P<service>\S+?)(?:-\d+)?\s+\| (?P<at>\S+) ?(?P<text>.*)$"
)
_EARLIEST: Final = datetime.min.replace(tzinfo=UTC)
_OVERLAP: Final = timedelta(seconds=2)
"""For the time between the two runs of the program, and clock skew of the engine."""


def read_logs(
    docker: DockerCli,
    services: Sequence[str],
    *,
    tail: int | None,
    since: datetime | None,
    follow: bool,
    keep: Keep = keep_all,
) -> Generator[LogLine, None, None]:
    """Yield the lines of several services in order of time; ``tail`` counts per service.

    With ``follow`` new lines are yielded in the order in which they arrive.
    """
    began = datetime.now(UTC) - _OVERLAP
    # Compose counts lines that are not kept too, so it has to print all of them.
    count = tail if keep is keep_all else None
    lines = _until_end(docker.logs(services, tail=count, since=since, follow=False))
    known = (line for line in parse_lines(lines) if keep(line.text))
    past = sorted(_last(known, tail), key=lambda line: line.at or _EARLIEST)
    yield from past
    if not follow:
        return
    seen = {line.service: line.at for line in past if line.at is not None}
    begin = max(began, since) if since else began
    following = docker.logs(services, tail=None, since=begin, follow=True)
    try:
        for line in parse_lines(following):
            last = seen.get(line.service)
            is_new = last is None or line.at is None or line.at > last
            if is_new and keep(line.text):
                yield line
    finally:
        following.close()


def _last(lines: Iterable[LogLine], tail: int | None) -> list[LogLine]:
    """The last lines of each service."""
    by_service: dict[str, deque[LogLine]] = {}
    for line in lines:
        by_service.setdefault(line.service, deque(maxlen=tail)).append(line)
    return [line for kept in by_service.values() for line in kept]


def _until_end(lines: Lines) -> Iterator[str]:
    """The lines of a program; raises RuntimeProblem if it fails."""
    done = yield from lines
    if done.returncode:
        raise engine.failure(done.stdout, doing="show the logs")


def parse_lines(lines: Iterable[str]) -> Iterator[LogLine]:
    """Parse lines into service, time and text; messages of Compose itself are omitted."""
    last: dict[str, datetime] = {}
    for line in lines:
        found = _LINE.match(line)
        if found is None:
            continue
        service, at, text = found["service"], parse_time(found["at"]), found["text"]
        if at is None:
            at, text = last.get(service), f"{found['at']} {text}".rstrip()
        else:
            last[service] = at
        yield LogLine(service=service, text=text, at=at)
