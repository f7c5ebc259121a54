"""Checks the spans of a trace against its request: named checks, pure functions.

A wrong span and a missing one are distinguished: a span with other values stays wrong, a missing
span may still arrive. Must not know how spans were read, nor LiteLLM's spend logs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from gatewayctl.tracing.spans import Span

CheckState = Literal["passed", "failed", "missing", "unknown"]
"""``missing``: the caller decides whether it is lost or still on its way."""
LLM: Final = "LLM"
CALL_ID: Final = "litellm.call_id"


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceCheck:
    """The state of one check; ``detail`` describes the difference unless it passed."""

    name: str
    state: CheckState
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedCall:
    """One model call as it was sent and answered; None for unknown values.

    ``span_id`` is the client span whose context was sent. ``ok``: a reply arrived. ``fallback`` is
    the model that answered in place of ``model``, after ``retries``. ``traced`` is False for a call
    of which LiteLLM makes no model span. ``cached``: LiteLLM's cache answered, without a call of a
    model, so that only the attempts before it have model spans.
    """

    call_id: str | None
    span_id: str | None
    component: str | None
    operation: str | None
    model: str | None
    prompt_tokens: int | None
    completion_tokens: int | None
    ok: bool = True
    retries: int = 0
    fallback: str | None = None
    traced: bool = True
    cached: bool = False

    @property
    def needs_span(self) -> bool:
        """False also for a refused call, which may never have reached a model."""
        return self.ok and self.traced and not self.cached

    @property
    def name(self) -> str:
        """Its name in the detail of a check."""
        return f"{self.component or '?'}/{self.operation or '?'}"


Found = list[tuple[ExpectedCall, Span]]
Values = Callable[[ExpectedCall, Span], Any]
"""A value of a call and its model span."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What one trace must contain.

    ``client_spans`` are our own spans, the root first. ``inbound``: the root continues the trace of
    another program, whose span may not be in Phoenix and whose other calls are not ours.
    """

    trace_id: str
    client_spans: tuple[str, ...]
    calls: tuple[ExpectedCall, ...]
    inbound: bool = False

    @property
    def untraced(self) -> bool:
        """True if no call is traced, so that there may be no span at all."""
        return bool(self.calls) and not any(call.traced for call in self.calls)


def check_trace(
    spans: Iterable[Span], expected: Expectation, *, misplaced: Iterable[Span] = ()
) -> tuple[TraceCheck, ...]:
    """Check the spans of the trace, in the order a person would.

    ``misplaced`` are model spans of this request that were found in other traces.
    """
    tree = SpanTree(_leave_out_others(SpanTree(spans), expected) if expected.inbound else spans)
    pairs = [(call, tree.of_call(call)) for call in expected.calls]
    found = [(call, find_answer(llm)) for call, llm in pairs if _has_answer(call, llm)]
    complete = bool(pairs) and all(
        _has_answer(call, llm) or not call.needs_span for call, llm in pairs
    )

    def compare(name: str, actual: Values, wanted: Values) -> TraceCheck:
        return _compare(name, found, actual, wanted, complete=complete)

    return (
        _check_client_span(tree, expected),
        _check_same_trace(misplaced, expected),
        _check_descent(tree, found, complete=complete),
        _check_parents(tree, expected),
        _check_one_llm_span(tree, pairs),
        compare("component", _read("metadata.component"), lambda call, _: call.component),
        compare("operation", _read("metadata.operation"), lambda call, _: call.operation),
        compare("model", _read("llm.model_name"), lambda call, _: call.fallback or call.model),
        compare("tokens", _count_tokens, _expect_tokens),
        compare(
            "status",
            lambda _, span: "error" if span.status == "ERROR" else "ok",
            lambda call, _: "ok" if call.ok else "error",
        ),
    )


def _has_answer(call: ExpectedCall, attempts: Sequence[Span]) -> bool:
    """False while only attempts that failed are there, and the call got an answer.

    It was of another deployment, whose span may be on its way, or of LiteLLM's cache.
    """
    failed = all(span.status == "ERROR" for span in attempts)
    return bool(attempts) and not (failed and (call.cached or call.needs_span))


def group_attempts(spans: Iterable[Span]) -> dict[str, list[Span]]:
    """Group the model spans by LiteLLM's call id; spans without one are left out."""
    found: dict[str, list[Span]] = {}
    for span in spans:
        if span.kind == LLM and CALL_ID in span.attributes:
            found.setdefault(str(span.attributes[CALL_ID]), []).append(span)
    return found


def find_answer(attempts: Sequence[Span]) -> Span:
    """Return the span that decided a call: LiteLLM makes one for each attempt it gave up.

    That is the last one without an error, or the last one.
    """
    return max(attempts, key=lambda span: (span.status != "ERROR", span.start, span.span_id))


def _leave_out_others(tree: SpanTree, expected: Expectation) -> list[Span]:
    """The spans of the expected calls, in a trace that other requests have joined too."""
    calls = {call.call_id for call in expected.calls if call.call_id is not None}
    return [
        span
        for span in tree.spans
        if span.attributes.get(CALL_ID) in calls
        or span.span_id in expected.client_spans
        or any(tree.descends(span, ours) for ours in expected.client_spans)
    ]


class SpanTree:
    """The spans by id, built once: each step up a trace looks up a span."""

    def __init__(self, spans: Iterable[Span]) -> None:
        self.spans = tuple(spans)
        self.known = {span.span_id: span for span in self.spans}
        self.llm = [span for span in self.spans if span.kind == LLM]

    def descends(self, span: Span, ancestor: str) -> bool:
        """True if the span is anywhere below the one with this id; parents may form a cycle."""
        known, seen = self.known, set()
        current: Span | None = span
        while current is not None and current.span_id not in seen:
            if current.parent_id == ancestor:
                return True
            seen.add(current.span_id)
            current = known.get(current.parent_id or "")
        return False

    def top(self, span: Span) -> Span:
        """The highest known ancestor; parents may form a cycle."""
        known, seen = self.known, {span.span_id}
        above = known.get(span.parent_id or "")
        while above is not None and above.span_id not in seen:
            seen.add(above.span_id)
            span, above = above, known.get(above.parent_id or "")
        return span

    def of_call(self, call: ExpectedCall) -> list[Span]:
        """The model spans of a call, by LiteLLM's call id or else by its client span."""
        if call.call_id is not None:
            return [span for span in self.llm if span.attributes.get(CALL_ID) == call.call_id]
        if call.span_id is None:
            return self.llm
        return [span for span in self.llm if self.descends(span, call.span_id)]


def _pass(name: str) -> TraceCheck:
    return TraceCheck(name=name, state="passed")


def _check_client_span(tree: SpanTree, expected: Expectation) -> TraceCheck:
    name = "client_span"
    if not expected.client_spans:
        roots = [span for span in tree.spans if span.parent_id not in tree.known]
        complete = len(roots) == 1 or (not tree.spans and expected.untraced)
        state: CheckState = "passed" if complete else "missing"
        return TraceCheck(
            name=name, state=state, detail="" if roots else "the trace has no root span"
        )
    missing = [span for span in expected.client_spans if span not in tree.known]
    if missing:
        return TraceCheck(name=name, state="missing", detail=f"no span {', '.join(missing)}")
    return _pass(name)


def _check_same_trace(misplaced: Iterable[Span], expected: Expectation) -> TraceCheck:
    elsewhere = sorted({span.trace_id for span in misplaced if span.trace_id != expected.trace_id})
    if elsewhere:
        detail = f"the model call is in another trace: {', '.join(elsewhere)}"
        return TraceCheck(name="same_trace", state="failed", detail=detail)
    return _pass("same_trace")


def _check_descent(tree: SpanTree, found: Found, *, complete: bool) -> TraceCheck:
    name = "gateway_descends"
    if not complete:
        return TraceCheck(
            name=name, state="missing", detail="no span of the gateway for every call"
        )
    for call, span in found:
        if call.span_id is not None and not tree.descends(span, call.span_id):
            top = tree.top(span)
            # A missing parent may still arrive; another parent is wrong.
            state: CheckState = "missing" if top.parent_id else "failed"
            detail = f"{call.name}: span {top.span_id} does not descend from {call.span_id}"
            return TraceCheck(name=name, state=state, detail=detail)
    return _pass(name)


def _check_parents(tree: SpanTree, expected: Expectation) -> TraceCheck:
    name = "no_missing_parent"
    # Another program's span may be above each of them: several requests can join one trace.
    joined = expected.client_spans if expected.inbound else ()
    for span in tree.spans:
        if span.parent_id is None or span.parent_id in tree.known:
            continue
        if span.span_id not in joined:
            detail = f"the parent {span.parent_id} of {span.name!r} is not in the trace"
            return TraceCheck(name=name, state="missing", detail=detail)
    if not tree.spans and not expected.untraced:
        return TraceCheck(name=name, state="missing", detail="the trace has no spans")
    return _pass(name)


def _check_one_llm_span(tree: SpanTree, pairs: list[tuple[ExpectedCall, list[Span]]]) -> TraceCheck:
    name = "one_llm_span_per_call"
    for call, spans in pairs:
        # Attempts that LiteLLM retried, or answered by a fallback, ended in an error.
        answers = [span for span in spans if span.status != "ERROR"]
        if len(answers) > 1:
            detail = f"{len(answers)} model spans for one call of {call.name}"
            return TraceCheck(name=name, state="failed", detail=detail)
    if not pairs:
        return TraceCheck(name=name, state="missing", detail="the calls are not known yet")
    attributed = {span.span_id for _, spans in pairs for span in spans}
    if any(span.span_id not in attributed for span in tree.llm):
        detail = f"{len(tree.llm)} model spans for {len(pairs)} calls"
        return TraceCheck(name=name, state="failed", detail=detail)
    for call, spans in pairs:
        if call.needs_span and not _has_answer(call, spans):
            return TraceCheck(name=name, state="missing", detail=f"no model span for {call.name}")
    return _pass(name)


def _compare(
    name: str, found: Found, actual: Values, wanted: Values, *, complete: bool
) -> TraceCheck:
    """Compare a value in every call where one is expected; missing while no call has a span."""
    for call, span in found:
        expected, got = wanted(call, span), actual(call, span)
        if expected is not None and expected != got:
            shown = "none" if got is None else repr(got)
            detail = f"{call.name}: sent {expected!r}, the span has {shown}"
            return TraceCheck(name=name, state="failed", detail=detail)
    if complete:
        return _pass(name)
    return TraceCheck(name=name, state="missing", detail="no model span")


def _read(attribute: str) -> Values:
    return lambda _, span: span.attributes.get(attribute)


def _count_tokens(_: ExpectedCall, span: Span) -> tuple[int | None, ...]:
    names = ("llm.token_count.prompt", "llm.token_count.completion")
    values = (span.attributes.get(name) for name in names)
    return tuple(int(value) if isinstance(value, int | float) else None for value in values)


def _expect_tokens(call: ExpectedCall, _: Span) -> tuple[int | None, ...] | None:
    wanted = (call.prompt_tokens, call.completion_tokens)
    return None if None in wanted else wanted
