"""The verb `usage reconcile`: compare LiteLLM's spend logs with Phoenix's model spans.

Both are joined by LiteLLM's call id; each gap is listed.
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
"""The two date a call a little differently, so both are read beyond the edges of the period."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A call that one of the two lacks, or on which they disagree (``why`` says how)."""

    missing_in: Literal["phoenix", "spend_logs", "neither"]
    call_id: str
    trace_id: str | None
    component: str | None
    model: str | None
    start: datetime | None
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcileReport:
    """``matched`` calls are in both and agree, ``pending`` are gaps younger than the limit.

    ``refused`` are failed requests, which may not have reached a model.
    """

    since: datetime
    until: datetime
    matched: int
    pending: int
    refused: int
    gaps: tuple[Gap, ...]

    @property
    def problem(self) -> NotVerified | None:
        """Set if there is a gap."""
        if not self.gaps:
            return None
        return NotVerified(
            f"{len(self.gaps)} calls differ between spend logs and Phoenix.",
            hint="Check each with `gatewayctl trace verify ID`.",
        )


def reconcile(
    settings: Settings,
    gateway: GatewayClient,
    *,
    since: datetime,
    settle: float = 20,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> ReconcileReport:
    """Compare both since ``since``. A gap younger than ``settle`` seconds is pending, not reported.

    Raises MasterKeyMissing, PhoenixUnreachable and the errors of the gateway.
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
    pairs = {
        call_id: (logs.get(call_id), spans.get(call_id))
        for call_id in {**logs, **spans}
        if call_id not in refused
    }
    results = [
        _find_gap(call_id, log, span)
        for call_id, (log, span) in pairs.items()
        if (start := _read_start(log, span)) is None or start >= since
    ]
    gaps = [gap for gap in results if gap is not None]
    settled = until - timedelta(seconds=settle)
    due = [gap for gap in gaps if gap.start is None or gap.start <= settled]
    oldest_first = sorted(due, key=lambda gap: (gap.start or since, gap.call_id))
    return ReconcileReport(
        since=since,
        until=until,
        matched=len(results) - len(gaps),
        pending=len(gaps) - len(due),
        refused=len(refused),
        gaps=tuple(oldest_first),
    )


def _read_start(log: SpendLog | None, span: Span | None) -> datetime | None:
    return log.start if log is not None else span.start if span is not None else None


def _find_gap(call_id: str, log: SpendLog | None, span: Span | None) -> Gap | None:
    if log is None:
        assert span is not None  # noqa: S101 - a call is in one of the two
        return Gap(
            missing_in="spend_logs",
            call_id=call_id,
            trace_id=span.trace_id,
            component=span.attributes.get("metadata.component"),
            model=span.attributes.get("llm.model_name"),
            start=span.start,
            why="Phoenix has a span, LiteLLM no spend log",
        )
    why = "LiteLLM has a spend log, Phoenix no span"
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
