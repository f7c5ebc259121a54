from __future__ import annotations

import io
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import pytest
from rich.console import Console as RichConsole

from gatewayctl.errors import Interrupted
from gatewayctl.output.console import Console
from gatewayctl.output.progress import _format_bar, follow, make_board, show_row
from gatewayctl.runtimes.base import Progress, ProgressState
from tests.fakes.clock import FakeClock
from tests.fakes.terminals import on_a_terminal, piped


@dataclass(frozen=True)
class Delta:
    text: str


def news(subject: str, state: ProgressState, detail: str = "", **fields: Any) -> Progress:
    return Progress(subject=subject, state=state, detail=detail, **fields)


def verb(*events: Any) -> Generator[Any, None, str]:
    yield from events
    return "the report"


def test_the_report_of_a_verb_is_returned() -> None:
    console, out, err = piped()

    assert follow(verb(), console) == "the report"
    assert (out.getvalue(), err.getvalue()) == ("", "")


def test_off_a_terminal_each_change_of_state_is_a_line_on_stderr() -> None:
    console, out, err = piped()

    follow(
        verb(
            news("postgres", "working", "starting"),
            news("postgres", "working", "databases and migrations"),
            news("litellm", "working", "starting"),
            news("postgres", "ready"),
            news("litellm", "ready", "http://127.0.0.1:4000"),
        ),
        console,
    )

    assert out.getvalue() == ""
    assert err.getvalue().splitlines() == [
        "postgres working: starting",
        "litellm working: starting",
        "postgres ready",
        "litellm ready: http://127.0.0.1:4000",
    ]


def test_quiet_shows_no_progress_and_still_the_reply() -> None:
    console, out, err = piped(quiet=True)

    follow(verb(news("chat", "working"), Delta("Hello"), news("chat", "ready")), console)

    assert (out.getvalue(), err.getvalue()) == ("Hello", "")


def test_the_parts_of_a_reply_go_to_stdout_unchanged() -> None:
    console, out, _ = piped()

    follow(verb(Delta("Hel"), Delta("lo [bold]there[/bold]"), Delta("\n")), console)

    assert out.getvalue() == "Hello [bold]there[/bold]\n"


def test_keys_in_details_are_masked() -> None:
    console, _, err = piped()

    follow(verb(news("chat", "working", "Bearer sk-virtual-0123456789abcdef")), console)

    assert err.getvalue() == "chat working: Bearer sk-…cdef\n"


@pytest.mark.parametrize("make", [piped, on_a_terminal], ids=["piped", "terminal"])
def test_exceptions_of_a_verb_are_raised(make: Any) -> None:
    def fails() -> Generator[Any, None, None]:
        yield news("litellm", "working")
        raise ValueError("as it was")

    with pytest.raises(ValueError, match="as it was"):
        follow(fails(), make()[0])


class Broken(io.StringIO):
    """Ctrl-C is pressed while a line is written."""

    def write(self, text: str) -> int:
        raise KeyboardInterrupt


@pytest.mark.parametrize("animated", [False, True])
def test_a_verb_interrupted_between_two_events_cleans_up_at_once(
    animated: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    cleared: list[str] = []

    def started() -> Generator[Any, None, None]:
        try:
            while True:
                yield Delta("x")
        finally:
            cleared.append("stopped what was started")

    err = on_a_terminal()[2] if animated else io.StringIO()
    console = Console(stdout=Broken(), stderr=err)
    with pytest.raises(KeyboardInterrupt) as interrupted:
        follow(started(), console)

    # The traceback keeps the frames alive, and with them a generator that was not closed.
    assert interrupted.value.__traceback__ is not None
    assert cleared == ["stopped what was started"]


def test_control_c_between_two_events_reaches_the_verb_which_tells_what_it_leaves() -> None:
    def tells() -> Generator[Any, None, None]:
        try:
            yield Delta("x")
        except KeyboardInterrupt:
            raise Interrupted("Half of it is done.") from None

    with pytest.raises(Interrupted, match="Half of it is done"):
        follow(tells(), Console(stdout=Broken(), stderr=io.StringIO()))


def test_a_line_is_printed_when_a_subject_is_new_or_its_state_changed() -> None:
    console, _, err = piped()

    follow(
        verb(
            news("x", "working", "one"),
            news("x", "working", "two"),
            news("x", "ready"),
            news("y", "ready"),
        ),
        console,
    )

    assert err.getvalue().splitlines() == ["x working: one", "x ready", "y ready"]


def test_the_line_of_a_long_step_has_its_duration() -> None:
    console, _, err = piped()
    clock = FakeClock()

    def slow() -> Generator[Progress, None, None]:
        yield news("litellm", "working")
        clock.now += 4.2
        yield news("litellm", "ready", "here")

    follow(slow(), console, clock=clock)

    assert err.getvalue().splitlines() == ["litellm working", "litellm ready (4.2 s): here"]


# Redrawn


def test_on_a_terminal_the_board_is_redrawn_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    console, out, err = on_a_terminal()

    report = follow(
        verb(news("litellm", "working", "starting"), news("litellm", "ready", "here")), console
    )

    assert report == "the report"
    assert out.getvalue() == ""
    assert "\x1b[?25l" in err.getvalue(), "the cursor must be hidden meanwhile"
    assert err.getvalue().rstrip().endswith("\x1b[?25h"), "and must come back"
    assert "litellm" in err.getvalue()


def test_a_reply_on_a_terminal_is_written_as_it_arrives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    console, out, err = on_a_terminal()

    follow(verb(Delta("Hello "), Delta("there.\n")), console)

    assert (out.getvalue(), err.getvalue()) == ("Hello there.\n", "")


def test_a_board_is_never_redrawn_over_a_reply(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    console, _, err = on_a_terminal()
    # One terminal shows both streams: what counts is the order of what is written.
    console.stdout = err

    follow(verb(news("step", "working"), Delta("the reply\n"), news("trace", "ready")), console)

    before, after = err.getvalue().split("the reply\n")
    assert "step" in before
    assert "step" not in after
    assert "trace" in after


def test_a_terminal_gets_its_cursor_back_when_a_verb_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    console, _, err = on_a_terminal()

    def fails() -> Generator[Any, None, None]:
        yield news("litellm", "working")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        follow(fails(), console)

    assert err.getvalue().rstrip().endswith("\x1b[?25h")


def drawn(*events: Progress) -> str:
    console, _, _ = on_a_terminal()
    board = make_board(console)
    for event in events:
        show_row(board, event)
    out = io.StringIO()
    RichConsole(file=out, width=80, color_system=None).print(board.get_renderable())
    return out.getvalue()


def test_the_time_of_a_row_stops_when_it_is_done_and_restarts_with_new_work() -> None:
    board = make_board(on_a_terminal()[0])

    show_row(board, news("x", "working"))
    show_row(board, news("x", "ready"))
    assert board.tasks[0].stop_time is not None

    show_row(board, news("x", "working"))
    assert board.tasks[0].stop_time is None
    assert len(board.tasks) == 1


def test_every_state_has_a_word_beside_its_mark() -> None:
    states: tuple[ProgressState, ...] = (*("working", "ready", "unchanged", "stopped", "failed"),)

    text = drawn(*(news(f"service-{state}", state) for state in states))

    marks = [line.split()[0] for line in text.splitlines()]
    assert len(set(marks)) == len(states)
    assert all(
        line.split()[2] == state for line, state in zip(text.splitlines(), states, strict=True)
    )


def test_a_row_on_a_terminal_has_neither_keys_nor_escape_sequences_nor_markup() -> None:
    text = drawn(news("chat\x1b[2J", "working", "[red]Bearer\x07 sk-virtual-0123456789abcdef"))

    assert "chat working" in text
    assert "[red]Bearer sk-…cdef" in text


def test_a_row_is_one_line_however_long_its_detail_is() -> None:
    text = drawn(news("environment", "working", "x" * 300 + "[bold]", fraction=0.5))

    assert len(text.splitlines()) == 1
    assert max(len(line) for line in text.splitlines()) <= 80


@pytest.mark.parametrize(
    ("fraction", "bar"),
    [
        (0.0, "[....................]   0% "),
        (0.5, "[##########..........]  50% "),
        (1.0, "[####################] 100% "),
        (None, ""),
    ],
)
def test_a_known_fraction_is_a_bar(fraction: float | None, bar: str) -> None:
    assert _format_bar(news("environment", "working", fraction=fraction)) == bar


def test_a_finished_step_has_no_bar() -> None:
    assert _format_bar(news("environment", "ready", fraction=1.0)) == ""
