"""Progress of verbs that take time: redrawn on a terminal, plain lines elsewhere.

Owns how events look. Must not know which verb sends them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final, TypeVar

from gatewayctl.output.console import Console
from gatewayctl.runtimes.base import Progress

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table

Report = TypeVar("Report")

_WORTH_SAYING: Final = 0.1
# A word beside every mark: colour and sign never carry the meaning alone.
_MARK: Final = {
    "waiting": ("·", "dim"),
    "working": ("~", "yellow"),
    "ready": ("+", "green"),
    "unchanged": ("=", "green"),
    "stopped": ("-", "dim"),
    "failed": ("!", "bold red"),
}


def follow(
    events: Generator[Any, None, Report],
    console: Console,
    *,
    clock: Callable[[], float] = time.monotonic,
) -> Report:
    """Drive a verb to its end and hand back its report.

    Events are Progress values, or anything with a ``text`` that belongs on stdout as it
    arrives (the parts of a streamed reply).
    """
    show = _animated if console.animated else _plain
    # Closed here, not when the collector comes by: a verb clears up when it is interrupted.
    with closing(events):
        return show(events, Board(clock), console)


class Board:
    """What is known of each subject: its last event and when it began."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.events: dict[str, Progress] = {}
        self.began: dict[str, float] = {}
        self.ended: dict[str, float] = {}

    def note(self, event: Progress) -> bool:
        """Take an event in; True when the subject is new or its state changed."""
        now = self._clock()
        old = self.events.get(event.subject)
        self.events[event.subject] = event
        if event.state == "waiting":
            return old is None or old.state != event.state
        self.began.setdefault(event.subject, now)
        if event.state != "working":
            self.ended[event.subject] = now
        else:
            self.ended.pop(event.subject, None)
        return old is None or old.state != event.state

    def seconds(self, subject: str) -> float | None:
        """Seconds since the subject began, or that it took; None while it waits."""
        began = self.began.get(subject)
        return None if began is None else self.ended.get(subject, self._clock()) - began


def _plain(events: Generator[Any, None, Report], board: Board, console: Console) -> Report:
    while True:
        try:
            event = next(events)
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]
        if not isinstance(event, Progress):
            console.result_text(event.text)
        elif board.note(event) and event.state != "waiting":
            console.say(_line(event, board))


def _line(event: Progress, board: Board) -> str:
    seconds = board.seconds(event.subject)
    short = event.state == "working" or seconds is None or seconds < _WORTH_SAYING
    took = "" if short else f" ({seconds:.1f} s)"
    detail = f": {event.detail}" if event.detail else ""
    return f"{event.subject} {event.state}{took}{detail}"


def _animated(events: Generator[Any, None, Report], board: Board, console: Console) -> Report:
    live: Live | None = None
    open_line = False
    try:
        while True:
            try:
                event = next(events)
            except StopIteration as done:
                return done.value  # type: ignore[no-any-return]
            if not isinstance(event, Progress):
                # A board that is redrawn would write over the reply below it.
                _stop(live, board)
                live = None
                console.result_text(event.text)
                open_line = not event.text.endswith("\n")
                continue
            board.note(event)
            if live is None:
                if open_line and console.stdout.isatty():
                    # On stderr: a reply that is piped stays as it came.
                    console.stderr.write("\n")
                open_line = False
                # Here, so that a streamed reply does not pay for what it does not use.
                from rich.live import Live

                live = Live(
                    console=console.rich(console.stderr),
                    get_renderable=lambda: _table(board),
                    refresh_per_second=8,
                )
                live.start()
    finally:
        _stop(live, board)


def _stop(live: Live | None, board: Board) -> None:
    """End a board for good: what it showed stays, and the next one begins empty."""
    if live is not None:
        live.stop()
        board.events.clear()


def _table(board: Board) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 1))
    table.add_column(width=1)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True, min_width=7)
    table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    for subject, event in board.events.items():
        mark, style = _MARK[event.state]
        seconds = board.seconds(subject)
        table.add_row(
            Text(mark, style=style),
            Text(subject),
            Text(event.state, style=style),
            Text("" if seconds is None else f"{seconds:.1f} s", style="dim"),
            Text(_bar(event) + event.detail, style="dim"),
        )
    return table


def _bar(event: Progress) -> str:
    if event.fraction is None or event.state != "working":
        return ""
    filled = round(max(0.0, min(1.0, event.fraction)) * 20)
    return f"[{'#' * filled}{'.' * (20 - filled)}] {event.fraction:4.0%} "
