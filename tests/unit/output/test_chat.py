from __future__ import annotations

from collections.abc import Generator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewayctl.operations.chat.call import Delta
from gatewayctl.output.chat import Screen, escape_control
from gatewayctl.runtimes.base import Progress


@given(st.text())
def test_no_control_character_reaches_a_terminal(text: str) -> None:
    shown = escape_control(text)

    assert all(char.isprintable() or char in "\n\t" or ord(char) > 0x9F for char in shown)


@given(st.text(st.characters(exclude_categories=["Cc"])))
def test_harmless_text_stays_as_it_is(text: str) -> None:
    assert escape_control(f"{text}\n\t") == f"{text}\n\t"


def test_escape_sequences_are_written_out() -> None:
    assert escape_control("a\x1b]0;title\x07b\r\nc\rd") == "a\\x1b]0;title\\x07b\nc\\x0dd"


def reply(*texts: str) -> Generator[Delta, None, str]:
    for text in texts:
        yield Delta(text=text)
    return "report"


def shown(screen: Screen, *texts: str) -> tuple[list[str], str]:
    passed: list[str] = []
    events = screen.pass_on(reply(*texts))
    while True:
        try:
            event = next(events)
            assert isinstance(event, Delta)
            passed.append(event.text)
        except StopIteration as done:
            return passed, done.value


def test_a_reply_is_made_harmless_for_a_terminal_alone() -> None:
    assert shown(Screen(terminal=True), "a\x1bb", "c") == (["a\\x1bb", "c"], "report")
    assert shown(Screen(terminal=False), "a\x1bb", "c") == (["a\x1bb", "c"], "report")


@pytest.mark.parametrize(
    ("texts", "still_open"), [((), False), (("a",), True), (("a\n",), False), (("a\n", "b"), True)]
)
def test_a_line_that_is_still_open_is_known(texts: tuple[str, ...], still_open: bool) -> None:
    screen = Screen(terminal=False)

    shown(screen, *texts)

    assert screen.open_line is still_open


def test_news_between_the_parts_of_a_reply_get_a_line_of_their_own() -> None:
    def events() -> Generator[Delta | Progress, None, str]:
        yield Delta(text="open")
        yield Progress(subject="trace", state="working")
        yield Delta(text="again\n")
        return "report"

    passed = list(Screen(terminal=True).pass_on(events()))

    assert passed == [
        Delta(text="open"),
        Delta(text="\n"),
        Progress(subject="trace", state="working"),
        Delta(text="again\n"),
    ]
