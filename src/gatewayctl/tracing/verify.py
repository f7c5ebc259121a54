"""Whether the spans of a trace prove what a request was: named checks, a pure function.

Owns the judgement over spans. What is wrong and what is merely not there yet are told
apart: a span that says something else stays wrong, a span that is missing may still come.
Must not know how spans were read, nor LiteLLM's ledger.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Literal

from gatewayctl.tracing.spans import Span

CheckState = Literal["passed", "failed", "missing", "unknown"]
"""``missing`` is for the caller to decide: lost, or still on its way."""
LLM: Final = "LLM"
CALL_ID: Final = "litellm.call_id"


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceCheck:
    """One thing that was looked at; ``detail`` says what was found, where it is not passed."""

    name: str
    state: CheckState
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedCall:
    """One model call as it was sent and answered; None where nobody knows.

    ``span_id`` is the client span whose context was sent. ``ok`` is whether a reply came.
    """

    call_id: str | None
    span_id: str | None
    component: str | None
    operation: str | None
    model: str | None
    prompt_tokens: int | None
    completion_tokens: int | None
    ok: bool = True

    @property
    def name(self) -> str:
        """How a check speaks of it."""
        return f"{self.component or '?'}/{self.operation or '?'}"


Found = list[tuple[ExpectedCall, Span]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What one trace must hold.

    ``client_spans`` are our own spans, the root first; ``inbound`` that the root continues
    the trace of another program, whose span need not be in Phoenix.
    """

    trace_id: str
    client_spans: tuple[str, ...]
    calls: tuple[ExpectedCall, ...]
    inbound: bool = False


def check_trace(
    spans: Iterable[Span], expected: Expectation, *, strays: Iterable[Span] = ()
) -> tuple[TraceCheck, ...]:
    """The checks on the spans of the trace, in the order a person would look.

    ``strays`` are model calls of this request that were found in other traces.
    """
    tree = _Tree(spans)
    pairs = [(call, tree.of_call(call)) for call in expected.calls]
    found = [(call, llm[0]) for call, llm in pairs if llm]
    # A call that was refused may never have come as far as a model.
    whole = bool(pairs) and all(llm or not call.ok for call, llm in pairs)
    return (
        _client_span(tree, expected),
        _same_trace(strays, expected),
        _gateway_descends(tree, found, whole=whole),
        _no_missing_parent(tree, expected),
        _one_llm_span(tree, pairs),
        _equal("component", found, lambda call: call.component, "metadata.component", whole=whole),
        _equal("operation", found, lambda call: call.operation, "metadata.operation", whole=whole),
        _model(found, whole=whole),
        _tokens(found, whole=whole),
        _status(found, whole=whole),
    )


class _Tree:
    """Made once for a look: each step up a trace asks for the span of an id."""

    def __init__(self, spans: Iterable[Span]) -> None:
        self.spans = tuple(spans)
        self.known = {span.span_id: span for span in self.spans}
        self.llm = [span for span in self.spans if span.kind == LLM]

    def descends(self, span: Span, ancestor: str) -> bool:
        known, seen = self.known, set()
        current: Span | None = span
        while current is not None and current.span_id not in seen:
            if current.parent_id == ancestor:
                return True
            seen.add(current.span_id)
            current = known.get(current.parent_id or "")
        return False

    def top(self, span: Span) -> Span:
        """The highest span above, as far as they are there; parents may go in a circle."""
        known, seen = self.known, {span.span_id}
        above = known.get(span.parent_id or "")
        while above is not None and above.span_id not in seen:
            seen.add(above.span_id)
            span, above = above, known.get(above.parent_id or "")
        return span

    def of_call(self, call: ExpectedCall) -> list[Span]:
        """The model spans of a call: by LiteLLM's call id, else by the client span above."""
        if call.call_id is not None:
            return [span for span in self.llm if span.attributes.get(CALL_ID) == call.call_id]
        if call.span_id is None:
            return self.llm
        return [span for span in self.llm if self.descends(span, call.span_id)]


def _passed(name: str) -> TraceCheck:
    return TraceCheck(name=name, state="passed")


def _client_span(tree: _Tree, expected: Expectation) -> TraceCheck:
    name = "client_span"
    if not expected.client_spans:
        roots = [span for span in tree.spans if span.parent_id not in tree.known]
        state: CheckState = "passed" if len(roots) == 1 else "missing"
        return TraceCheck(
            name=name, state=state, detail="" if roots else "the trace has no root span"
        )
    lacking = [span for span in expected.client_spans if span not in tree.known]
    if lacking:
        return TraceCheck(name=name, state="missing", detail=f"no span {', '.join(lacking)}")
    return _passed(name)


def _same_trace(strays: Iterable[Span], expected: Expectation) -> TraceCheck:
    elsewhere = sorted({span.trace_id for span in strays if span.trace_id != expected.trace_id})
    if elsewhere:
        detail = f"the model call is in another trace: {', '.join(elsewhere)}"
        return TraceCheck(name="same_trace", state="failed", detail=detail)
    return _passed("same_trace")


def _gateway_descends(tree: _Tree, found: Found, *, whole: bool) -> TraceCheck:
    name = "gateway_descends"
    if not whole:
        return TraceCheck(
            name=name, state="missing", detail="no span of the gateway for every call"
        )
    for call, span in found:
        if call.span_id is not None and not tree.descends(span, call.span_id):
            top = tree.top(span)
            # A parent that is not there may still come; another one is simply wrong.
            state: CheckState = "missing" if top.parent_id else "failed"
            detail = f"{call.name}: span {top.span_id} does not descend from {call.span_id}"
            return TraceCheck(name=name, state=state, detail=detail)
    return _passed(name)


def _no_missing_parent(tree: _Tree, expected: Expectation) -> TraceCheck:
    name = "no_missing_parent"
    root = expected.client_spans[0] if expected.client_spans else None
    for span in tree.spans:
        if span.parent_id is None or span.parent_id in tree.known:
            continue
        if not (expected.inbound and span.span_id == root):
            detail = f"the parent {span.parent_id} of {span.name!r} is not in the trace"
            return TraceCheck(name=name, state="missing", detail=detail)
    if not tree.spans:
        return TraceCheck(name=name, state="missing", detail="there are no spans")
    return _passed(name)


def _one_llm_span(tree: _Tree, pairs: list[tuple[ExpectedCall, list[Span]]]) -> TraceCheck:
    name = "one_llm_span_per_call"
    for call, spans in pairs:
        if len(spans) > 1:
            detail = f"{len(spans)} model spans for one call of {call.name}"
            return TraceCheck(name=name, state="failed", detail=detail)
    if not pairs:
        return TraceCheck(name=name, state="missing", detail="nobody knows yet what was called")
    if len(tree.llm) > len(pairs):
        detail = f"{len(tree.llm)} model spans for {len(pairs)} calls"
        return TraceCheck(name=name, state="failed", detail=detail)
    for call, spans in pairs:
        if not spans and call.ok:
            return TraceCheck(name=name, state="missing", detail=f"no model span for {call.name}")
    return _passed(name)


def _compared(
    name: str, rows: Iterable[tuple[ExpectedCall, Any, Any]], *, whole: bool
) -> TraceCheck:
    """Equal in every row where something was expected; missing while there is no row."""
    for call, wanted, got in rows:
        if wanted is not None and wanted != got:
            said = "none" if got is None else repr(got)
            detail = f"{call.name}: sent {wanted!r}, the span has {said}"
            return TraceCheck(name=name, state="failed", detail=detail)
    return (
        _passed(name) if whole else TraceCheck(name=name, state="missing", detail="no model span")
    )


def _equal(name: str, found: Found, of: Any, attribute: str, *, whole: bool) -> TraceCheck:
    rows = ((call, of(call), span.attributes.get(attribute)) for call, span in found)
    return _compared(name, rows, whole=whole)


def _model(found: Found, *, whole: bool) -> TraceCheck:
    rows = ((call, call.model, span.attributes.get("llm.model_name")) for call, span in found)
    return _compared("model", rows, whole=whole)


def _tokens(found: Found, *, whole: bool) -> TraceCheck:
    def counted(call: ExpectedCall, span: Span) -> tuple[ExpectedCall, Any, Any]:
        wanted = (call.prompt_tokens, call.completion_tokens)
        names = ("llm.token_count.prompt", "llm.token_count.completion")
        got = tuple(_whole(span.attributes.get(name)) for name in names)
        return call, None if None in wanted else wanted, got

    return _compared("tokens", (counted(*pair) for pair in found), whole=whole)


def _status(found: Found, *, whole: bool) -> TraceCheck:
    rows = (
        (call, "ok" if call.ok else "error", "error" if span.status == "ERROR" else "ok")
        for call, span in found
    )
    return _compared("status", rows, whole=whole)


def _whole(value: Any) -> int | None:
    return int(value) if isinstance(value, int | float) else None
