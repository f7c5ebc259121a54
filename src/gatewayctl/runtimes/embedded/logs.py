"""The services' log files: their last lines, their lines since a time, and new lines as they come.

Every line begins with a timestamp (quick_start adds it to Python's lines, PostgreSQL has a
prefix); a line without one belongs to the line before it. Owns reading them, including rotated
files. Must not know what is in a line.
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

from gatewayctl.runtimes.base import Keep, LogLine, keep_all

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
    keep: Keep = keep_all,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[LogLine]:
    """Yield the lines of several services in chronological order; ``tail`` is per service."""
    with ExitStack() as opened:
        logs = [opened.enter_context(closing(_Log(name, path))) for name, path in files.items()]
        streams = []
        for log in logs:
            wanted: Iterable[LogLine] = (
                line
                for line in log.so_far(unfinished=not follow)
                if (since is None or _time(line) >= since) and keep(line.text)
            )
            streams.append(wanted if tail is None else iter(deque(wanted, maxlen=tail)))
        yield from heapq.merge(*streams, key=_time)
        while follow:
            for log in logs:
                yield from (line for line in log.new_lines() if keep(line.text))
            sleep(_POLL_SECONDS)


def parse_line(service: str, text: str) -> LogLine:
    """Split one line of a log file into timestamp and text."""
    found = _STAMP.match(text)
    if found is None:
        return LogLine(service=service, text=text)
    try:
        at = datetime.fromisoformat(f"{found[1]}T{found[2]}+00:00")
    except ValueError:
        return LogLine(service=service, text=text)
    return LogLine(service=service, text=text[found.end() :], at=at)


def measure(path: Path) -> int:
    """The size of a log in bytes; 0 where there is no log."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def last_lines(path: Path, count: int = 20, *, after: int = 0) -> str:
    """The last lines of a log; empty where there is no log.

    ``after`` is a size of the log: only what was written since then, or all after a rotation.
    """
    try:
        with path.open(encoding="utf-8", errors="replace") as lines:
            lines.seek(after if after <= measure(path) else 0)
            return "".join(deque(lines, maxlen=count)).rstrip()
    except OSError:
        return ""


def _time(line: LogLine) -> datetime:
    return line.at or _EARLIEST


class _Log:
    """One service's log, from its oldest rotated part on and then as it grows.

    No line is yielded twice: past and new lines are read through the same open file.
    """

    def __init__(self, service: str, path: Path) -> None:
        self._service = service
        self._path = path
        self._file: TextIO | None = None
        self._opened: tuple[int, int] | None = None
        self._rest = ""
        self._last: datetime | None = None
        self._open()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def so_far(self, *, unfinished: bool) -> Iterator[LogLine]:
        """Yield every line so far; with ``unfinished`` also a last line without its end."""
        for part in self._rotated_parts():
            with contextlib.suppress(FileNotFoundError):
                yield from self._lines(part.read_text(encoding="utf-8", errors="replace"))
        yield from self.new_lines()
        if unfinished and self._rest:
            yield self._line(self._rest)

    def new_lines(self) -> Iterator[LogLine]:
        """Yield the complete lines since the last read, across a rotation."""
        yield from self._read()
        if self._is_rotated():
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
        """List x.log.3, x.log.2, x.log.1 as supervisord rotates x.log: oldest first."""
        found = self._path.parent.glob(f"{self._path.name}.[0-9]*")
        parts = [part for part in found if part.suffix[1:].isdecimal()]
        oldest_first = sorted(parts, key=lambda part: -int(part.suffix[1:]))
        return [part for part in oldest_first if _identify(part) != self._opened]

    def _is_rotated(self) -> bool:
        current = _identify(self._path)
        return current is not None and current != self._opened

    def _open(self) -> None:
        self.close()
        self._file, self._opened = None, None
        with contextlib.suppress(FileNotFoundError):
            self._file = self._path.open(encoding="utf-8", errors="replace")
            self._opened = _identify(self._file.fileno())


def _identify(file: Path | int) -> tuple[int, int] | None:
    """Device and inode of a file or descriptor; None where there is no such file."""
    try:
        found = os.stat(file)  # noqa: PTH116 - descriptors too
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
