"""The verb `usage reconcile`: the same requests in two ledgers, gaps named one by one.

LiteLLM's spend logs and Phoenix's model spans are joined by LiteLLM's call id.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, Literal

from gatewayctl.errors import NotVerified
from gatewayctl.gateway.spend import SpendLog, list_spend_logs
from gatewayctl.settings.master_key import require_master_key
from gatewayctl.settings.model import PHOENIX_PROJECT, Settings
from gatewayctl.tracing.spans import Span, SpanQuery, SpanStore
from gatewayctl.tracing.verify import CALL_ID

if TYPE_CHECKING:
    from gatewayctl.gateway.client import GatewayClient

_EDGE: Final = timedelta(minutes=5)
"""The two ledgers date a call a little differently: both are read beyond the edges."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A call that one ledger lacks, or on which the two disagree (``why`` says how)."""

    missing_in: Literal["phoenix", "spend logs", "neither"]
    call_id: str
    trace_id: str | None
    component: str | None
    model: str | None
    start: datetime | None
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcileReport:
    """``matched`` calls are in both and agree. ``pending`` are gaps too young to judge,
    ``refused`` are failed requests, which need not have come as far as a model.
    """

    since: datetime
    until: datetime
    matched: int
    pending: int
    refused: int
    gaps: tuple[Gap, ...]

    @property
    def problem(self) -> NotVerified | None:
        if not self.gaps:
            return None
        return NotVerified(
            f"{len(self.gaps)} calls are not the same in both ledgers.",
            hint="Each is named above; see `gatewayctl trace verify ID`.",
        )


def reconcile(
    settings: Settings,
    gateway: GatewayClient,
    *,
    since: datetime,
    settle: float = 20,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> ReconcileReport:
    """Join the two. A gap younger than ``settle`` seconds is pending, not reported.

    Raises PhoenixUnreachable and what the gateway's refusals are called: then nobody knows.
    """
    master = require_master_key(settings)
    until = now()
    logs = {
        log.call_id: log
        for log in list_spend_logs(gateway, master, since=since - _EDGE, until=until + _EDGE)
    }
    query = SpanQuery(kind="LLM", since=since - _EDGE)
    spans = {
        str(span.attributes[CALL_ID]): span
        for span in SpanStore(gateway.http, settings.phoenix_url).find(PHOENIX_PROJECT, query)
        if CALL_ID in span.attributes
    }
    refused = {log.call_id for log in logs.values() if not log.ok and log.call_id not in spans}
    judged = [
        (call_id, _start(logs.get(call_id), spans.get(call_id)))
        for call_id in {**logs, **spans}
        if call_id not in refused
    ]
    inside = [call_id for call_id, start in judged if start is None or start >= since]
    found = {call_id: _gap(call_id, logs.get(call_id), spans.get(call_id)) for call_id in inside}
    gaps = [gap for gap in found.values() if gap is not None]
    settled = until - timedelta(seconds=settle)
    ripe = [gap for gap in gaps if gap.start is None or gap.start <= settled]
    oldest_first = sorted(ripe, key=lambda gap: (gap.start or since, gap.call_id))
    return ReconcileReport(
        since=since,
        until=until,
        matched=len(found) - len(gaps),
        pending=len(gaps) - len(ripe),
        refused=len(refused),
        gaps=tuple(oldest_first),
    )


def _start(log: SpendLog | None, span: Span | None) -> datetime | None:
    return log.start if log is not None else span.start if span is not None else None


def _gap(call_id: str, log: SpendLog | None, span: Span | None) -> Gap | None:
    if log is None:
        assert span is not None  # noqa: S101 - a call is in one of the two
        return Gap(
            missing_in="spend logs",
            call_id=call_id,
            trace_id=span.trace_id,
            component=span.attributes.get("metadata.component"),
            model=span.attributes.get("llm.model_name"),
            start=span.start,
            why="Phoenix has its span, LiteLLM no spend log",
        )
    why = "LiteLLM has its spend log, Phoenix no span"
    if span is not None:
        counted = span.attributes.get("llm.token_count.total")
        if counted in (None, log.total_tokens):
            return None
        why = f"{log.total_tokens} tokens in the spend log, {counted} in the span"
    return Gap(
        missing_in="phoenix" if span is None else "neither",
        call_id=call_id,
        trace_id=log.trace_id,
        component=log.tag_value("component"),
        model=log.model,
        start=log.start,
        why=why,
    )
