"""The verb `trace show`: one trace as a tree, parents before children, in chronological order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from gatewayctl.errors import UsageProblem
from gatewayctl.operations.traces.verify import parse_trace_id
from gatewayctl.settings.model import Settings
from gatewayctl.tracing.spans import Span, SpanQuery
from gatewayctl.tracing.stores import open_span_store
from gatewayctl.tracing.verify import CALL_ID

if TYPE_CHECKING:
    import httpx


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanRow:
    """A span and its position: ``depth`` 0 for roots, ``offset_ms`` after the start of the trace.

    ``orphan``: its parent is not in the trace. ``cost`` in US dollars.
    """

    depth: int
    name: str
    span_id: str
    parent_id: str | None
    orphan: bool
    kind: str
    service: str | None
    component: str | None
    operation: str | None
    model: str | None
    tokens: int | None
    cost: float | None
    offset_ms: float
    duration_ms: float
    status: str
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceShowReport:
    """The trace, and the totals of its model calls. ``url`` opens it in Phoenix."""

    trace_id: str
    start: datetime
    duration_ms: float
    calls: int
    tokens: int | None
    cost: float | None
    url: str
    spans: tuple[SpanRow, ...]


def show_trace(settings: Settings, http: httpx.Client, trace_id: str) -> TraceShowReport:
    """Read one trace from Phoenix.

    Raises UsageProblem for an invalid trace id or if Phoenix has no span of it, and
    PhoenixUnreachable and TraceStoreNotQueryable.
    """
    trace_id = parse_trace_id(trace_id)
    store = open_span_store(settings, http)
    spans = store.find(store.project, SpanQuery(trace_ids=(trace_id,)))
    if not spans:
        raise UsageProblem(
            f"Phoenix has no span of trace {trace_id}.",
            hint="See `gatewayctl trace list`; spans arrive a second or two after the reply.",
        )
    start, end = min(span.start for span in spans), max(span.end for span in spans)
    rows = tuple(_walk_tree(spans, start))
    calls = [row for row in rows if row.kind == "LLM"]
    # A retried call has a span for an attempt that failed.
    ids = {span.attributes.get(CALL_ID, span.span_id) for span in spans if span.kind == "LLM"}
    tokens = [row.tokens for row in calls if row.tokens is not None]
    costs = [row.cost for row in calls if row.cost is not None]
    return TraceShowReport(
        trace_id=trace_id,
        start=start,
        duration_ms=_elapsed_ms(start, end),
        calls=len(ids),
        tokens=sum(tokens) if tokens else None,
        cost=sum(costs) if costs else None,
        url=f"{settings.traces_page}/redirects/traces/{trace_id}",
        spans=rows,
    )


def _walk_tree(spans: Sequence[Span], start: datetime) -> Iterator[SpanRow]:
    known = {span.span_id for span in spans}
    children: dict[str | None, list[Span]] = {}
    for span in sorted(spans, key=lambda each: (each.start, each.span_id)):
        parent = span.parent_id if span.parent_id in known else None
        children.setdefault(parent, []).append(span)
    waiting: list[tuple[Span, int, str | None]] = [
        (span, 0, None) for span in reversed(children.get(None, []))
    ]
    while waiting:
        span, depth, above = waiting.pop()
        service = _guess_service(span) or above
        yield _make_row(span, depth, service, start, orphan=span.parent_id not in {None, *known})
        below = children.pop(span.span_id, [])
        waiting += [(child, depth + 1, service) for child in reversed(below)]


def _make_row(
    span: Span, depth: int, service: str | None, start: datetime, *, orphan: bool
) -> SpanRow:
    get = span.attributes.get
    return SpanRow(
        depth=depth,
        name=span.name,
        span_id=span.span_id,
        parent_id=span.parent_id,
        orphan=orphan,
        kind=span.kind,
        service=service,
        component=get("metadata.component") or get("gatewayctl.component"),
        operation=get("metadata.operation") or get("gatewayctl.operation"),
        model=get("llm.model_name") or get("gatewayctl.model"),
        tokens=get("llm.token_count.total"),
        cost=get("litellm.cost.total"),
        offset_ms=_elapsed_ms(start, span.start),
        duration_ms=_elapsed_ms(span.start, span.end),
        status=span.status,
        error=(span.status_message or "error") if span.status == "ERROR" else None,
    )


def _guess_service(span: Span) -> str | None:
    """The service by the span's attributes: Phoenix's REST API does not return the resource."""
    attributes: Mapping[str, Any] = span.attributes
    if any(name.startswith("gatewayctl.") for name in attributes):
        return "gatewayctl"
    if any(name.startswith("litellm.") for name in attributes):
        return "litellm"
    return None


def _elapsed_ms(start: datetime, end: datetime) -> float:
    return round((end - start).total_seconds() * 1000, 1)
