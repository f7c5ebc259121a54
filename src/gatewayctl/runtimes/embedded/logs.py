"""Reads the services' log files: the last lines, since a time, and as they grow.

Every line begins with its time (quick_start stamps Python's, PostgreSQL has a prefix); a line
without one belongs to the line before it. Rotated files count.
"""

from __future__ import annotations

import contextlib
import heapq
import os
import re
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TextIO

from gatewayctl.runtimes.base import LogLine

# 2026-11-23T14:00:00.123Z (quick_start) or 2026-11-23 14:00:00.123 UTC (PostgreSQL).
_STAMP: Final = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d\.\d+)(?:Z| UTC) ?")
_POLL_SECONDS: Final = 0.2
_EARLIEST: Final = datetime.min.replace(tzinfo=UTC)


def read_logs(
    files: Mapping[str, Path],
    *,
    tail: int | None,
    since: datetime | None,
    follow: bool,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[LogLine]:
    """The lines of several services in order of time; ``tail`` counts per service."""
    with ExitStack() as opened:
        logs = [opened.enter_context(closing(_Log(name, path))) for name, path in files.items()]
        streams = []
        for log in logs:
            wanted: Iterable[LogLine] = (
                line
                for line in log.so_far(unfinished=not follow)
                if since is None or _time(line) >= since
            )
            streams.append(wanted if tail is None else iter(deque(wanted, maxlen=tail)))
        yield from heapq.merge(*streams, key=_time)
        while follow:
            for log in logs:
                yield from log.new_lines()
            sleep(_POLL_SECONDS)


def parse_line(service: str, text: str) -> LogLine:
    """One line of a log file, its time taken off the front."""
    found = _STAMP.match(text)
    if found is None:
        return LogLine(service=service, text=text)
    try:
        at = datetime.fromisoformat(f"{found[1]}T{found[2]}+00:00")
    except ValueError:
        return LogLine(service=service, text=text)
    return LogLine(service=service, text=text[found.end() :], at=at)


def last_lines(path: Path, count: int = 20) -> str:
    """The end of a log as text; empty where there is none."""
    try:
        with path.open(encoding="utf-8", errors="replace") as lines:
            return "".join(deque(lines, maxlen=count)).rstrip()
    except OSError:
        return ""


def _time(line: LogLine) -> datetime:
    return line.at or _EARLIEST


class _Log:
    """One service's log, from its oldest rotated part on and then as it grows.

    What was handed out is never handed out again: both go through the same open file.
    """

    def __init__(self, service: str, path: Path) -> None:
        self._service = service
        self._path = path
        self._file: TextIO | None = None
        self._rest = ""
        self._last: datetime | None = None
        self._open()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def so_far(self, *, unfinished: bool) -> Iterator[LogLine]:
        """Every line until now; ``unfinished`` is whether the last may lack its end."""
        for part in self._rotated_parts():
            with contextlib.suppress(FileNotFoundError):
                yield from self._lines(part.read_text(encoding="utf-8", errors="replace"))
        yield from self.new_lines()
        if unfinished and self._rest:
            yield self._line(self._rest)

    def new_lines(self) -> Iterator[LogLine]:
        """The whole lines since the last look, across a rotation."""
        yield from self._read()
        if self._rotated():
            self._open()
            yield from self._read()

    def _read(self) -> Iterator[LogLine]:
        if self._file is not None:
            yield from self._lines(self._file.read())

    def _lines(self, text: str) -> Iterator[LogLine]:
        *whole, self._rest = (self._rest + text).split("\n")
        for line in whole:
            yield self._line(line)

    def _line(self, text: str) -> LogLine:
        line = parse_line(self._service, text)
        self._last = line.at or self._last
        return LogLine(service=self._service, text=line.text, at=self._last)

    def _rotated_parts(self) -> list[Path]:
        """supervisord rotates x.log to x.log.1, x.log.2, …; oldest first."""
        found = self._path.parent.glob(f"{self._path.name}.[0-9]*")
        parts = [part for part in found if part.suffix[1:].isdecimal()]
        opened = self._identity(None if self._file is None else self._file.fileno())
        return [
            part
            for part in sorted(parts, key=lambda part: -int(part.suffix[1:]))
            if opened is None or self._identity(part) != opened
        ]

    def _rotated(self) -> bool:
        now = self._identity(self._path)
        if now is None:
            return False
        return self._file is None or self._identity(self._file.fileno()) != now

    @staticmethod
    def _identity(file: Path | int | None) -> tuple[int, int] | None:
        try:
            found = None if file is None else os.stat(file)  # noqa: PTH116 - descriptors too
        except FileNotFoundError:
            return None
        return None if found is None else (found.st_dev, found.st_ino)

    def _open(self) -> None:
        self.close()
        try:
            self._file = self._path.open(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            self._file = None
