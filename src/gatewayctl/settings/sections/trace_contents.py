"""What is traced of each request: ``sample``, ``spans`` and ``messages`` of ``tracing:``.

Must not know where the spans go.
"""

from __future__ import annotations

from typing import Final, cast, get_args

from gatewayctl.settings.cursor import Cursor
from gatewayctl.settings.declared.trace_stores import SpanDetail, TraceContents
from gatewayctl.settings.fields import Setting

SETTINGS: Final = {
    "sample": Setting(
        "0 to 1",
        "1",
        "Share of the requests whose spans are sent. Those that fail are always sent, and those"
        " whose client sends a trace context as that says.",
    ),
    "spans": Setting(
        "all, requests or calls",
        "requests; calls in production",
        "Spans of a successful request: all, without LiteLLM's phases, or only its model call.",
    ),
    "messages": Setting("true or false", "true", "Prompts and replies in the spans."),
}


def parse_contents(section: Cursor) -> TraceContents:
    """Read the three settings; each has a default."""
    sample, spans, messages = (section.child(name) for name in SETTINGS)
    return TraceContents(
        sample=_sample(sample), spans=_spans(spans), messages=_messages(messages) is not False
    )


def _sample(given: Cursor) -> float:
    if not given.is_given:
        return 1.0
    value = given.value
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1:
        return float(value)
    given.refuse("a number from 0 to 1")
    return 1.0


def _spans(given: Cursor) -> SpanDetail | None:
    if not given.is_given or given.value in get_args(SpanDetail):
        return cast("SpanDetail | None", given.value)
    given.refuse("all, requests or calls")
    return None


def _messages(given: Cursor) -> object:
    if given.is_given and not isinstance(given.value, bool):
        given.refuse("true or false")
    return given.value
