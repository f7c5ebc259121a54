"""Reads the services' log files: the last lines, since a time, and as they grow.

Every line begins with its time (quick_start stamps Python's, PostgreSQL has a prefix); a line
without one belongs to the line before it. Rotated files count.
"""

from __future__ import annotations

import heapq
import os
import re
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TextIO

from gatewayctl.runtimes.base import LogLine

# 2026-11-23T14:00:00.123Z (quick_start) or 2026-11-23 14:00:00.123 UTC (PostgreSQL).
_STAMP: Final = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d\.\d+)(?:Z| UTC) ?")
_POLL_SECONDS: Final = 0.2
_EARLIEST: Final = datetime.min.replace(tzinfo=UTC)


def read(
    files: Mapping[str, Path], *, tail: int | None, since: datetime | None, follow: bool
) -> Iterator[LogLine]:
    """The lines of several services in order of time; ``tail`` counts per service."""
    growing = {service: _Growing(path) for service, path in files.items()} if follow else {}
    streams = []
    for service, path in files.items():
        wanted: Iterable[LogLine] = (
            line for line in _lines(service, path) if since is None or _at(line) >= since
        )
        streams.append(wanted if tail is None else iter(deque(wanted, maxlen=tail)))
    yield from heapq.merge(*streams, key=_at)
    while growing:
        for service, file in growing.items():
            yield from (parse(service, text) for text in file.new_lines())
        time.sleep(_POLL_SECONDS)


def parse(service: str, text: str) -> LogLine:
    """One line of a log file, its time taken off the front."""
    found = _STAMP.match(text)
    if found is None:
        return LogLine(service=service, text=text)
    at = datetime.fromisoformat(f"{found[1]}T{found[2]}+00:00")
    return LogLine(service=service, text=text[found.end() :], at=at)


def last_lines(path: Path, count: int = 20) -> str:
    """The end of a log as text; empty where there is none."""
    try:
        with path.open(encoding="utf-8", errors="replace") as lines:
            return "".join(deque(lines, maxlen=count)).rstrip()
    except OSError:
        return ""


def _lines(service: str, path: Path) -> Iterator[LogLine]:
    last: datetime | None = None
    # supervisord rotates x.log to x.log.1, x.log.2, …
    rotated = sorted(path.parent.glob(f"{path.name}.[0-9]*"), key=lambda p: -int(p.suffix[1:]))
    for part in [*rotated, path]:
        try:
            with part.open(encoding="utf-8", errors="replace") as lines:
                for text in lines:
                    line = parse(service, text.rstrip("\n"))
                    last = line.at or last
                    yield LogLine(service=service, text=line.text, at=last)
        except FileNotFoundError:
            continue


def _at(line: LogLine) -> datetime:
    return line.at or _EARLIEST


class _Growing:
    """A log file read from its present end on, across rotation."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: TextIO | None = None
        self._rest = ""
        self._open(at_end=True)

    def new_lines(self) -> Iterator[str]:
        yield from self._read()
        if self._rotated():
            self._open(at_end=False)
            yield from self._read()

    def _read(self) -> Iterator[str]:
        if self._file is None:
            return
        *whole, self._rest = (self._rest + self._file.read()).split("\n")
        yield from whole

    def _rotated(self) -> bool:
        try:
            now = self._path.stat()
        except FileNotFoundError:
            return False
        if self._file is None:
            return True
        opened = os.fstat(self._file.fileno())
        return (now.st_dev, now.st_ino) != (opened.st_dev, opened.st_ino)

    def _open(self, *, at_end: bool) -> None:
        if self._file is not None:
            self._file.close()
        try:
            self._file = self._path.open(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            self._file = None
            return
        if at_end:
            self._file.seek(0, 2)
