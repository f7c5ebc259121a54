"""Progress of verbs that take time: redrawn on a terminal, plain lines elsewhere.

Owns how events look. Must not know which verb sends them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final, TypeVar

from gatewayctl.generators import drain
from gatewayctl.output.console import Console, make_printable
from gatewayctl.runtimes.base import Progress

if TYPE_CHECKING:
    from rich.progress import Progress as Board

Report = TypeVar("Report")

_SHORTEST_SHOWN: Final = 0.1
"""Seconds; what took less has no duration in its line."""
# A word beside every mark: color and mark are never the only carrier.
_MARKS: Final = {
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
    """Run a verb to its end and return its report.

    Events are Progress values, or anything with a ``text`` that belongs on stdout as it arrives
    (the parts of a streamed reply).
    """
    view = _Redrawn(console) if console.animated else _Lines(console, clock)
    # Closed here and not by the garbage collector: an interrupted verb cleans up at once.
    with closing(events), closing(view):
        try:
            return drain(events, view.show)
        except KeyboardInterrupt as pressed:
            # Also one that arrived here is for the verb: it knows what it leaves behind.
            events.throw(pressed)
            raise


class _Lines:
    """One line for each new subject and each change of state."""

    def __init__(self, console: Console, clock: Callable[[], float]) -> None:
        self._console = console
        self._clock = clock
        self._states: dict[str, str] = {}
        self._starts: dict[str, float] = {}

    def show(self, event: Any) -> None:
        if not isinstance(event, Progress):
            self._console.result_text(event.text)
            return
        start = self._starts.setdefault(event.subject, self._clock())
        if self._states.get(event.subject) != event.state:
            self._states[event.subject] = event.state
            self._console.say(_format_line(event, self._clock() - start))

    def close(self) -> None:
        """Nothing to clean up: every line is complete."""


def _format_line(event: Progress, seconds: float) -> str:
    has_duration = event.state != "working" and seconds >= _SHORTEST_SHOWN
    duration = f" ({seconds:.1f} s)" if has_duration else ""
    detail = f": {event.detail}" if event.detail else ""
    return f"{event.subject} {event.state}{duration}{detail}"


class _Redrawn:
    """A board of one row per subject on stderr, until a part of a reply arrives."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._board: Board | None = None

    def show(self, event: Any) -> None:
        if not isinstance(event, Progress):
            # A board that is redrawn would overwrite the reply below it.
            self.close()
            self._console.result_text(event.text)
            return
        if self._board is None:
            self._board = make_board(self._console)
            self._board.start()
        show_row(self._board, event)

    def close(self) -> None:
        """Stop redrawing: the rows stay on the screen."""
        if self._board is not None:
            self._board.stop()
            self._board = None


def make_board(console: Console) -> Board:
    """Create a board with columns for mark, subject, state, seconds and detail; not started."""
    # Imported here, so that a streamed reply does not pay for it.
    from rich.progress import Progress as Board
    from rich.progress import TextColumn
    from rich.table import Column

    rest = Column(no_wrap=True, overflow="ellipsis", ratio=1)
    return Board(
        TextColumn("{task.fields[mark]}"),
        TextColumn("{task.description}", markup=False),
        TextColumn("{task.fields[state]}"),
        TextColumn("{task.elapsed:.1f} s", style="dim", justify="right"),
        TextColumn("{task.fields[detail]}", style="dim", markup=False, table_column=rest),
        console=console.rich(console.stderr),
        refresh_per_second=8,
        expand=True,
    )


def show_row(board: Board, event: Progress) -> None:
    """Add or update the row of an event's subject; its time stops when it is done."""
    subject = make_printable(event.subject)
    rows = {task.description: task for task in board.tasks}
    if subject not in rows:
        board.add_task(subject, mark="", state="", detail="")
    task = rows.get(subject, board.tasks[-1])
    mark, style = _MARKS[event.state]
    board.update(
        task.id,
        mark=f"[{style}]{mark}",
        state=f"[{style}]{event.state}",
        detail=_format_bar(event) + make_printable(event.detail),
    )
    if event.state != "working":
        board.stop_task(task.id)
    else:
        task.stop_time = None


def _format_bar(event: Progress) -> str:
    if event.fraction is None or event.state != "working":
        return ""
    filled = round(max(0.0, min(1.0, event.fraction)) * 20)
    return f"[{'#' * filled}{'.' * (20 - filled)}] {event.fraction:4.0%} "
