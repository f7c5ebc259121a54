"""The verb `trace list`: the model calls in Phoenix, newest first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from gatewayctl.settings.model import Settings
from gatewayctl.tracing.spans import Span, SpanQuery
from gatewayctl.tracing.stores import open_span_store
from gatewayctl.tracing.verify import CALL_ID

if TYPE_CHECKING:
    import httpx

CallStatus = Literal["ok", "error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceFilter:
    """Which calls; None for any."""

    component: str | None = None
    model: str | None = None
    status: CallStatus | None = None
    since: datetime | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRow:
    """One attempt at a model call. ``cost`` in US dollars; None if the span has no such attribute.

    Attempts at the same call have the same ``call_id``; ``retried``: LiteLLM tried again.
    """

    trace_id: str
    span_id: str
    call_id: str | None
    start: datetime
    component: str | None
    operation: str | None
    model: str | None
    tokens: int | None
    cost: float | None
    duration_ms: float
    status: CallStatus
    error: str | None
    retried: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceListReport:
    """The calls; empty also if Phoenix has no project of the gateway yet."""

    calls: tuple[CallRow, ...]


def list_calls(
    settings: Settings,
    http: httpx.Client,
    filters: TraceFilter,
) -> TraceListReport:
    """List the calls that match. Raises PhoenixUnreachable and TraceStoreNotQueryable."""
    conditions: Mapping[str, str | None] = {
        "metadata.component": filters.component,
        "llm.model_name": filters.model,
    }
    query = SpanQuery(
        kind="LLM",
        attributes={name: value for name, value in conditions.items() if value is not None},
        since=filters.since,
        # Phoenix cannot filter by status, so its answer is not limited if that is done here.
        limit=filters.limit if filters.status is None else None,
    )
    store = open_span_store(settings, http)
    spans = store.find(store.project, query)
    rows = [row for row in _mark_retried(spans) if filters.status in (None, row.status)]
    return TraceListReport(calls=tuple(rows[: filters.limit]))


def _mark_retried(spans: Iterable[Span]) -> Iterator[CallRow]:
    """Newest first, so an attempt that was followed by another one comes after it."""
    seen = set[str]()
    for row in map(call_row, spans):
        yield replace(row, retried=row.call_id in seen)
        if row.call_id is not None:
            seen.add(row.call_id)


def call_row(span: Span) -> CallRow:
    """Extract what a person wants to know from a model span."""
    get = span.attributes.get
    return CallRow(
        trace_id=span.trace_id,
        span_id=span.span_id,
        call_id=get(CALL_ID),
        start=span.start,
        component=get("metadata.component"),
        operation=get("metadata.operation"),
        model=get("llm.model_name"),
        tokens=get("llm.token_count.total"),
        cost=get("litellm.cost.total"),
        duration_ms=round((span.end - span.start).total_seconds() * 1000, 1),
        status="error" if span.status == "ERROR" else "ok",
        error=span.status_message or None,
    )
