"""A complete trace of one call: its spans, what it is expected to contain, and Phoenix's rows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from gatewayctl.tracing.spans import Span
from gatewayctl.tracing.verify import Expectation, ExpectedCall

TRACE = "a" * 32
BEGIN = datetime(2026, 11, 23, 12, tzinfo=UTC)
CALL = ExpectedCall(
    call_id="call-1",
    span_id="client",
    component="passthrough",
    operation="chat",
    model="demo",
    prompt_tokens=5,
    completion_tokens=7,
)
EXPECTED = Expectation(trace_id=TRACE, client_spans=("client",), calls=(CALL,))


def make_span(span_id: str, parent: str | None, kind: str = "UNKNOWN", **fields: Any) -> Span:
    """A span; ``fields`` are ``trace_id``, ``name``, ``status``, and attributes."""
    return Span(
        trace_id=fields.pop("trace_id", TRACE),
        span_id=span_id,
        parent_id=parent,
        name=fields.pop("name", span_id),
        kind=kind,
        status=fields.pop("status", "UNSET"),
        status_message="",
        attributes=fields,
        start=BEGIN,
        end=BEGIN + timedelta(seconds=1),
    )


LLM_ATTRIBUTES: dict[str, Any] = {
    "litellm.call_id": "call-1",
    "metadata.component": "passthrough",
    "metadata.operation": "chat",
    "llm.model_name": "demo",
    "llm.token_count.prompt": 5,
    "llm.token_count.completion": 7,
}
CLIENT = make_span("client", None, "CHAIN")
POST, AUTH = make_span("post", "client"), make_span("auth", "post")
LLM = make_span("llm", "post", "LLM", **LLM_ATTRIBUTES)
COMPLETE = (CLIENT, POST, AUTH, LLM)


def as_row(span: Span) -> dict[str, Any]:
    """The span as Phoenix's REST API returns it."""
    return {
        "context": {"trace_id": span.trace_id, "span_id": span.span_id},
        "parent_id": span.parent_id,
        "name": span.name,
        "span_kind": span.kind,
        "status_code": span.status,
        "attributes": dict(span.attributes),
        "start_time": span.start.isoformat(),
        "end_time": span.end.isoformat(),
    }
