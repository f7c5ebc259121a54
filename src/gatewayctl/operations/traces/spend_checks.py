"""The second witness: LiteLLM's spend logs of a trace, against what was sent.

Owns the checks on the ledger, and an expectation made of it for calls whose program left
no span of ours. Must not know how either was read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from gatewayctl.gateway.spend import SpendLog
from gatewayctl.tracing.spans import Span
from gatewayctl.tracing.verify import Expectation, ExpectedCall, TraceCheck

CLIENT: Final = "gatewayctl."


def check_spend_logs(
    logs: Sequence[SpendLog], expected: Expectation, *, unread: str | None = None
) -> tuple[TraceCheck, ...]:
    """``unread`` is why the ledger could not be read, if it could not."""
    names = ("ledger_entry", "ledger_tokens", "ledger_component")
    if unread is not None:
        return tuple(TraceCheck(name=name, state="unknown", detail=unread) for name in names)
    by_id = {log.call_id: log for log in logs}
    pairs = [
        (call, by_id.get(call.call_id or "")) for call in expected.calls if call.ok and call.call_id
    ]
    lacking = [call.name for call, log in pairs if log is None]
    if lacking or not pairs:
        detail = f"no spend log of {', '.join(lacking)}" if lacking else "no call to look for"
        return tuple(TraceCheck(name=name, state="missing", detail=detail) for name in names)
    found = [(call, log) for call, log in pairs if log is not None]
    return (
        TraceCheck(name="ledger_entry", state="passed"),
        _agrees("ledger_tokens", ((call, *_tokens(call, log)) for call, log in found)),
        _agrees(
            "ledger_component",
            ((call, call.component, log.tag_value("component")) for call, log in found),
        ),
    )


def _tokens(call: ExpectedCall, log: SpendLog) -> tuple[object, object]:
    wanted = (call.prompt_tokens, call.completion_tokens)
    return (None if None in wanted else wanted), (log.prompt_tokens, log.completion_tokens)


def _agrees(name: str, rows: Iterable[tuple[ExpectedCall, object, object]]) -> TraceCheck:
    for call, wanted, got in rows:
        if wanted is not None and wanted != got:
            detail = f"{call.name}: sent {wanted!r}, the spend log has {got!r}"
            return TraceCheck(name=name, state="failed", detail=detail)
    return TraceCheck(name=name, state="passed")


def recall_expectation(
    trace_id: str, spans: Sequence[Span], logs: Sequence[SpendLog]
) -> Expectation:
    """What a trace of the past must hold: what our client spans remember of their calls.

    A trace without a client span of ours is that of another program; LiteLLM's ledger then
    says what was called, and Phoenix has to agree with it.
    """
    ours = [span for span in spans if any(name.startswith(CLIENT) for name in span.attributes)]
    if not ours:
        return Expectation(
            trace_id=trace_id, client_spans=(), calls=tuple(_logged(log) for log in logs)
        )
    known = {span.span_id for span in ours}
    roots = [span for span in ours if span.parent_id not in known]
    steps = [span for span in ours if f"{CLIENT}component" in span.attributes]
    said = sum(int(root.attributes.get(f"{CLIENT}calls") or 0) for root in roots)
    lacking = max(0, said - len(steps))
    return Expectation(
        trace_id=trace_id,
        client_spans=(
            *(span.span_id for span in roots),
            *(span.span_id for span in steps if span not in roots),
            *(f"of {lacking} more calls" for _ in range(min(lacking, 1))),
        ),
        calls=tuple(_recalled(span) for span in steps),
        inbound=any(root.parent_id is not None for root in roots),
    )


def _recalled(span: Span) -> ExpectedCall:
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
    )


def _logged(log: SpendLog) -> ExpectedCall:
    return ExpectedCall(
        call_id=log.call_id,
        span_id=None,
        component=log.tag_value("component"),
        operation=log.tag_value("op"),
        model=log.model,
        prompt_tokens=log.prompt_tokens,
        completion_tokens=log.completion_tokens,
        ok=log.ok,
    )
