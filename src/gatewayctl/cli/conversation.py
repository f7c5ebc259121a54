"""A conversation on a terminal, until Ctrl-D.

Owns the loop and the history. Must not know how a turn is carried out.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from gatewayctl.errors import Refused, Unreachable

if TYPE_CHECKING:
    from gatewayctl.operations.chat.plan import ChatInput
    from gatewayctl.operations.chat.report import ChatReport
    from gatewayctl.output.console import Console


def converse(
    ask: ChatInput,
    *,
    turn: Callable[[ChatInput], ChatReport],
    console: Console,
    read: Callable[[str], str] = input,
) -> None:
    """Read prompts and answer them with the history so far, one trace per turn.

    A refused turn is reported and left out of the history, and the conversation continues. So is
    a reply without text: providers refuse empty messages. An incomplete reply stays in it. Ctrl-D
    ends the conversation.
    """
    from gatewayctl.output.chat import render_reply

    ask = replace(ask, session=str(uuid.uuid4()))
    console.say("Conversation started. Ctrl-D ends it.")
    while True:
        try:
            prompt = read("> ")
        except EOFError:
            console.say("")
            return
        if not prompt.strip():
            continue
        try:
            report = turn(replace(ask, prompt=prompt))
        except (Refused, Unreachable) as error:
            console.error(error)
            continue
        console.result(render_reply(report, terminal=console.stdout.isatty()))
        if report.problem is not None:
            console.error(report.problem)
        if not report.reply:
            continue
        question = {"role": "user", "content": prompt}
        answer = {"role": "assistant", "content": report.reply}
        ask = replace(ask, history=(*ask.history, question, answer))
