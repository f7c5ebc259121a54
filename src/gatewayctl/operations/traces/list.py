"""The verb `trace list`: the model calls in Phoenix, newest first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Final, Literal

from gatewayctl.errors import GatewayctlError
from gatewayctl.gateway.spend import SpendLog, iterate_spend_logs
from gatewayctl.operations.traces.attempts import DEPLOYMENT, MODEL
from gatewayctl.settings.model import Settings
from gatewayctl.tracing.spans import Span, SpanQuery, SpanStore
from gatewayctl.tracing.stores import open_span_store
from gatewayctl.tracing.verify import CALL_ID

if TYPE_CHECKING:
    from gatewayctl.gateway.client import GatewayClient

CallStatus = Literal["ok", "error"]
_STATUSES: Final[Mapping[CallStatus | None, tuple[str, ...]]] = {
    "ok": ("OK", "UNSET"),
    "error": ("ERROR",),
}
_TRACES_A_QUERY: Final = 50
"""Their ids are in the address, which must not be too long."""
_PERIOD: Final = timedelta(hours=24)
"""How far back calls of the cache are looked for, if no --since is given."""


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

    Attempts at the same call have the same ``call_id``; ``retried``: LiteLLM tried again. ``model``
    is the model group, ``asked`` the one that was asked if this one answered as its fallback, and
    ``deployment`` what was called, in LiteLLM's notation. ``cached``: LiteLLM's cache answered, so
    that there is no span of a model (``span_id`` is None).
    """

    trace_id: str
    span_id: str | None
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
    asked: str | None = None
    deployment: str | None = None
    cached: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceListReport:
    """The calls; empty also if Phoenix has no project of the gateway yet.

    ``warnings``: which calls cannot be listed, and why.
    """

    calls: tuple[CallRow, ...]
    warnings: tuple[str, ...] = ()


def list_calls(
    settings: Settings,
    gateway: GatewayClient,
    filters: TraceFilter,
    *,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> TraceListReport:
    """List the calls that match, in Phoenix, and those that LiteLLM's cache answered.

    Raises PhoenixUnreachable and TraceStoreNotQueryable.
    """
    conditions: Mapping[str, str | None] = {
        "metadata.component": filters.component,
        MODEL: filters.model,
    }
    query = SpanQuery(
        kind="LLM",
        attributes={name: value for name, value in conditions.items() if value is not None},
        since=filters.since,
        statuses=_STATUSES.get(filters.status, ()),
        # A Phoenix that cannot filter by status sends all, so its answer is not limited then.
        limit=filters.limit if filters.status is None else None,
    )
    store = open_span_store(settings, gateway.http)
    matching = (
        span
        for span in store.iterate(store.project, query)
        if filters.status in (None, _name_status(span))
    )
    spans = tuple(islice(matching, filters.limit))
    listed = {span.span_id for span in spans}
    attempts = spans if filters.status is None else _read_attempts(store, spans)
    rows = [row for row in _mark_retried(attempts) if row.span_id in listed]
    cached, warnings = _list_cached(settings, gateway, filters, rows, now())
    answered = {row.call_id for row in cached}
    # Attempts that failed before the cache answered.
    rows = [replace(row, retried=row.retried or row.call_id in answered) for row in rows]
    found = sorted((*rows, *cached), key=lambda row: row.start, reverse=True)
    return TraceListReport(calls=tuple(found[: filters.limit]), warnings=warnings)


def _list_cached(
    settings: Settings,
    gateway: GatewayClient,
    filters: TraceFilter,
    rows: Sequence[CallRow],
    until: datetime,
) -> tuple[list[CallRow], tuple[str, ...]]:
    """The calls without a model span, from the spend logs of the period that is listed."""
    master = settings.secrets.master_key
    if master is None or filters.status == "error":
        return [], ()
    full = len(rows) >= filters.limit
    since = rows[filters.limit - 1].start if full else filters.since or until - _PERIOD
    try:
        logs = iterate_spend_logs(gateway, master, since=since, until=until, cached_only=True)
        matching = (
            _cached_row(log)
            for log in logs
            if log.cached
            and filters.component in (None, log.tag_value("component"))
            and filters.model in (None, log.model)
        )
        return list(islice(matching, filters.limit)), ()
    except GatewayctlError as error:
        return [], (f"Calls that LiteLLM's cache answered are not listed: {error.message}",)


def _cached_row(log: SpendLog) -> CallRow:
    return CallRow(
        trace_id=log.trace_id or "",
        span_id=None,
        call_id=log.call_id,
        start=log.start or datetime.min.replace(tzinfo=UTC),
        component=log.tag_value("component"),
        operation=log.tag_value("op"),
        model=log.model,
        tokens=log.total_tokens,
        cost=log.cost,
        duration_ms=round((log.seconds or 0) * 1000, 1),
        status="ok",
        error=None,
        asked=log.asked if log.fell_back else None,
        cached=True,
    )


def _read_attempts(store: SpanStore, spans: Sequence[Span]) -> Iterator[Span]:
    """Read the attempts at those calls that have another status."""
    traces = tuple(dict.fromkeys(span.trace_id for span in spans))
    for first in range(0, len(traces), _TRACES_A_QUERY):
        some = traces[first : first + _TRACES_A_QUERY]
        yield from store.iterate(store.project, SpanQuery(kind="LLM", trace_ids=some))


def _mark_retried(spans: Iterable[Span]) -> Iterator[CallRow]:
    """Newest first, so an attempt that was followed by another one comes after it."""
    spans = tuple(spans)
    first = {span.attributes.get(CALL_ID): span.attributes.get(MODEL) for span in spans}
    seen = set[str]()
    for row in map(call_row, spans):
        asked = first[row.call_id] if row.call_id is not None else None
        yield replace(
            row,
            retried=row.call_id in seen,
            asked=None if asked == row.model else asked,
        )
        if row.call_id is not None:
            seen.add(row.call_id)


def _name_status(span: Span) -> CallStatus:
    return "error" if span.status == "ERROR" else "ok"


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
        model=get(MODEL),
        tokens=get("llm.token_count.total"),
        cost=get("litellm.cost.total"),
        duration_ms=round((span.end - span.start).total_seconds() * 1000, 1),
        status=_name_status(span),
        error=span.status_message or None,
        deployment=get(DEPLOYMENT),
    )
