"""Checks LiteLLM's spend logs of a trace against what was sent.

Owns these checks, and the expectation derived from spend logs for calls of programs that left no
span of ours. Must not know how spans and logs were read.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import replace
from typing import Final

from gatewayctl.gateway.spend import SpendLog
from gatewayctl.tracing.spans import Span
from gatewayctl.tracing.verify import (
    Expectation,
    ExpectedCall,
    SpanTree,
    TraceCheck,
    find_answer,
    group_attempts,
)

CLIENT: Final = "gatewayctl."


def check_spend_logs(
    logs: Sequence[SpendLog], expected: Expectation, *, unread: str | None = None
) -> tuple[TraceCheck, ...]:
    """Compare spend logs with the expected calls; ``unread`` is why they could not be read."""
    names = ("ledger_entry", "ledger_tokens", "ledger_component")
    if unread is not None:
        return tuple(TraceCheck(name=name, state="unknown", detail=unread) for name in names)
    by_id = {log.call_id: log for log in logs}
    pairs = [(call, by_id.get(call.call_id or "")) for call in expected.calls]
    # A refused call may have none.
    missing = [call.name for call, log in pairs if log is None and call.ok]
    if missing or not pairs:
        detail = f"no spend log of {', '.join(missing)}" if missing else "no call to look for"
        return tuple(TraceCheck(name=name, state="missing", detail=detail) for name in names)
    found = [(call, log) for call, log in pairs if log is not None]
    return (
        TraceCheck(name="ledger_entry", state="passed"),
        _compare("ledger_tokens", ((call, *_pair_tokens(call, log)) for call, log in found)),
        _compare(
            "ledger_component",
            ((call, call.component, log.tag_value("component")) for call, log in found),
        ),
    )


def _pair_tokens(call: ExpectedCall, log: SpendLog) -> tuple[object, object]:
    expected = (call.prompt_tokens, call.completion_tokens)
    unknown = None in expected or not call.ok
    return (None if unknown else expected), (log.prompt_tokens, log.completion_tokens)


def _compare(name: str, rows: Iterable[tuple[ExpectedCall, object, object]]) -> TraceCheck:
    for call, expected, actual in rows:
        if expected is not None and expected != actual:
            detail = f"{call.name}: sent {expected!r}, the spend log has {actual!r}"
            return TraceCheck(name=name, state="failed", detail=detail)
    return TraceCheck(name=name, state="passed")


def complete_expectation(expected: Expectation, logs: Sequence[SpendLog]) -> Expectation:
    """Add what only a spend log has: which calls LiteLLM's cache or a guardrail answered.

    A guardrail that answers in place of the model leaves a failed request, and no call id in the
    answer.
    """
    by_id = {log.call_id: log for log in logs}
    known = {call.call_id for call in expected.calls}
    blocked = iter([log for log in logs if log.guardrail and log.call_id not in known])
    calls: list[ExpectedCall] = []
    for call in expected.calls:
        log = by_id.get(call.call_id or "")
        if call.call_id is None and (answer := next(blocked, None)) is not None:
            calls.append(replace(call, call_id=answer.call_id, ok=False))
        else:
            calls.append(replace(call, cached=call.cached or (log is not None and log.cached)))
    return replace(expected, calls=tuple(calls))


def recall_expectation(
    trace_id: str, spans: Sequence[Span], logs: Sequence[SpendLog], *, offline: Container[str] = ()
) -> Expectation:
    """What a past trace must contain, from the attributes of our client spans.

    Other programs leave no client span of ours: their calls are those of LiteLLM's spend logs and
    of Phoenix, which must agree. ``offline``: see `has_model_span`.
    """
    ours = [span for span in spans if any(name.startswith(CLIENT) for name in span.attributes)]
    others = _recall_calls_of_others(spans, logs, ours, offline)
    if not ours:
        return Expectation(trace_id=trace_id, client_spans=(), calls=others)
    known = {span.span_id for span in ours}
    roots = [span for span in ours if span.parent_id not in known]
    steps = [span for span in ours if f"{CLIENT}component" in span.attributes]
    announced = sum(int(root.attributes.get(f"{CLIENT}calls") or 0) for root in roots)
    missing = max(0, announced - len(steps))
    inbound = any(root.parent_id is not None for root in roots)
    return Expectation(
        trace_id=trace_id,
        client_spans=(
            *(span.span_id for span in roots),
            *(span.span_id for span in steps if span not in roots),
            *(f"of {missing} more calls" for _ in range(min(missing, 1))),
        ),
        calls=(*map(_call_of_span, steps), *(others if inbound else ())),
        inbound=inbound,
    )


def _recall_calls_of_others(
    spans: Sequence[Span], logs: Sequence[SpendLog], ours: Sequence[Span], offline: Container[str]
) -> tuple[ExpectedCall, ...]:
    """The calls that are not below our spans: a second model span of a call of ours is a fault."""
    tree, attempts = SpanTree(spans), group_attempts(spans)
    calls = {log.call_id: _call_of_log(log, offline) for log in logs}
    for call_id, tried in attempts.items():
        calls.setdefault(call_id, _call_without_log(call_id, find_answer(tried)))
    known = {span.attributes.get(f"{CLIENT}call_id") for span in ours}
    return tuple(
        call
        for call_id, call in calls.items()
        if call_id not in known
        and not any(
            tree.descends(span, our.span_id) for span in attempts.get(call_id, ()) for our in ours
        )
    )


def _call_of_span(span: Span) -> ExpectedCall:
    own = {
        name.removeprefix(CLIENT): value
        for name, value in span.attributes.items()
        if name.startswith(CLIENT)
    }
    return ExpectedCall(
        call_id=own.get("call_id"),
        span_id=span.span_id,
        component=own.get("component"),
        operation=own.get("operation"),
        model=own.get("model"),
        prompt_tokens=own.get("prompt_tokens"),
        completion_tokens=own.get("completion_tokens"),
        ok=span.status != "ERROR",
        retries=own.get("retries") or 0,
        fallback=own.get("fallback"),
        cached=own.get("cached") is True,
    )


def has_model_span(log: SpendLog, offline: Container[str]) -> bool:
    """False for an API other than completions if the model is one of ``offline``.

    LiteLLM returns a fixed answer there before it begins a span.
    """
    return log.model not in offline or (log.call_type or "completion").endswith("completion")


def _call_without_log(call_id: str, span: Span) -> ExpectedCall:
    return ExpectedCall(
        call_id=call_id,
        span_id=None,
        component=span.attributes.get("metadata.component"),
        operation=span.attributes.get("metadata.operation"),
        model=None,
        prompt_tokens=None,
        completion_tokens=None,
        ok=span.status != "ERROR",
    )


def _call_of_log(log: SpendLog, offline: Container[str]) -> ExpectedCall:
    return ExpectedCall(
        call_id=log.call_id,
        span_id=None,
        component=log.tag_value("component"),
        operation=log.tag_value("op"),
        model=log.model,
        # LiteLLM counts the prompt of a failed call in its spend log only.
        prompt_tokens=log.prompt_tokens if log.ok else None,
        completion_tokens=log.completion_tokens if log.ok else None,
        ok=log.ok,
        traced=log.sampled and has_model_span(log, offline),
        cached=log.cached,
    )
