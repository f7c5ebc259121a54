from __future__ import annotations

import io
from collections.abc import Callable, Iterator

import pytest

from gatewayctl.cli.conversation import converse
from gatewayctl.errors import GatewayctlError, UnknownComponent, UpstreamRefused
from gatewayctl.operations.chat.plan import ChatInput
from gatewayctl.operations.chat.report import ChatReport
from gatewayctl.output.console import Console


def report(
    reply: str, *, streamed: bool = True, broken_by: GatewayctlError | None = None
) -> ChatReport:
    return ChatReport(
        reply=reply,
        model="demo",
        component="passthrough",
        operation="chat",
        routing_path=None,
        trace_id=None,
        span_id=None,
        call_id=None,
        finish_reason=None,
        usage=None,
        latency_ms=1,
        key_env="LITELLM_API_KEY",
        streamed=streamed,
        trace_exported=True,
        broken_by=broken_by,
    )


class Talk:
    """Prompts of a conversation, and what was written to the two streams."""

    def __init__(self, *prompts: str) -> None:
        self.prompts: Iterator[str] = iter(prompts)
        self.asked: list[ChatInput] = []
        self.out, self.err = io.StringIO(), io.StringIO()

    def read(self, _: str) -> str:
        try:
            return next(self.prompts)
        except StopIteration:
            raise EOFError from None

    def run(self, turn: Callable[[ChatInput], ChatReport]) -> None:
        def record(ask: ChatInput) -> ChatReport:
            self.asked.append(ask)
            return turn(ask)

        console = Console(stdout=self.out, stderr=self.err)
        converse(ChatInput(prompt=""), turn=record, console=console, read=self.read)


def test_each_prompt_is_a_turn_with_the_history() -> None:
    talk = Talk("one", "  ", "two")

    talk.run(lambda ask: report(f"re: {ask.prompt}"))

    assert [ask.prompt for ask in talk.asked] == ["one", "two"]
    assert talk.asked[1].history == (
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "re: one"},
    )


def test_all_turns_share_a_session() -> None:
    talk = Talk("one", "two")

    talk.run(lambda _: report("ok"))

    sessions = {ask.session for ask in talk.asked}
    assert len(sessions) == 1
    assert None not in sessions


def test_a_refused_turn_is_reported_and_left_out_of_the_history() -> None:
    talk = Talk("one", "two")

    def turn(ask: ChatInput) -> ChatReport:
        if ask.prompt == "one":
            raise UpstreamRefused("no", hint="wait")
        return report("ok")

    talk.run(turn)

    assert talk.asked[1].history == ()
    assert "Error: no\nHint: wait\n" in talk.err.getvalue()


def test_an_incomplete_reply_is_reported_and_stays_in_the_history() -> None:
    talk = Talk("one", "two")

    talk.run(lambda _: report("half", broken_by=UpstreamRefused("cut")))

    assert talk.asked[1].history[-1] == {"role": "assistant", "content": "half"}
    assert "Error: cut" in talk.err.getvalue()


def test_a_reply_without_text_is_left_out_of_the_history() -> None:
    talk = Talk("one", "two")

    talk.run(lambda ask: report("" if ask.prompt == "one" else "ok", streamed=False))

    assert talk.asked[1].history == ()
    assert talk.out.getvalue() == "ok\n"


def test_a_reply_that_was_not_streamed_is_printed() -> None:
    talk = Talk("one")

    talk.run(lambda _: report("whole", streamed=False))

    assert talk.out.getvalue() == "whole\n"


def test_a_failure_that_would_repeat_ends_the_conversation() -> None:
    talk = Talk("one", "two")

    def turn(_: ChatInput) -> ChatReport:
        raise UnknownComponent("no such component")

    with pytest.raises(UnknownComponent):
        talk.run(turn)
    assert len(talk.asked) == 1
