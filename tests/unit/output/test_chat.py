from __future__ import annotations

from collections.abc import Generator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewayctl.operations.chat.call import Delta
from gatewayctl.output.chat import Screen, escape_control
from gatewayctl.runtimes.base import Progress
from tests.fakes.driving import driven


@given(st.text())
def test_no_control_character_reaches_a_terminal(text: str) -> None:
    escaped = escape_control(text)

    assert all(char.isprintable() or char in "\n\t" or ord(char) > 0x9F for char in escaped)


@given(st.text(st.characters(exclude_categories=["Cc"])))
def test_text_without_control_characters_is_unchanged(text: str) -> None:
    assert escape_control(f"{text}\n\t") == f"{text}\n\t"


def test_escape_sequences_are_written_out() -> None:
    assert escape_control("a\x1b]0;title\x07b\r\nc\rd") == "a\\x1b]0;title\\x07b\nc\\x0dd"


def reply(*texts: str) -> Generator[Delta, None, str]:
    for text in texts:
        yield Delta(text=text)
    return "report"


def stream(screen: Screen, *texts: str) -> tuple[list[str], str]:
    """The texts that reach the console, and the report."""
    events, report = driven(screen.pass_on(reply(*texts)))
    return [event.text for event in events], report


def test_control_characters_are_escaped_on_a_terminal_only() -> None:
    assert stream(Screen(terminal=True), "a\x1bb", "c") == (["a\\x1bb", "c"], "report")
    assert stream(Screen(terminal=False), "a\x1bb", "c") == (["a\x1bb", "c"], "report")


@pytest.mark.parametrize(
    ("texts", "still_open"), [((), False), (("a",), True), (("a\n",), False), (("a\n", "b"), True)]
)
def test_an_open_line_is_tracked(texts: tuple[str, ...], still_open: bool) -> None:
    screen = Screen(terminal=False)

    stream(screen, *texts)

    assert screen.open_line is still_open


def test_progress_between_the_parts_of_a_reply_starts_on_a_new_line() -> None:
    def events() -> Generator[Delta | Progress, None, str]:
        yield Delta(text="open")
        yield Progress(subject="trace", state="working")
        yield Delta(text="again\n")
        return "report"

    output = list(Screen(terminal=True).pass_on(events()))

    assert output == [
        Delta(text="open"),
        Delta(text="\n"),
        Progress(subject="trace", state="working"),
        Delta(text="again\n"),
    ]
