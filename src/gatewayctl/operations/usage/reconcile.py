"""The verb `usage reconcile`: compare LiteLLM's spend logs with Phoenix's model spans.

Both are joined by LiteLLM's call id. Owns what counts as a gap, and which differences are LiteLLM's
own ways, which are counted apart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from gatewayctl.errors import NotVerified
from gatewayctl.gateway.spend import SpendLog, list_spend_logs
from gatewayctl.operations.state.audit import read_audit
from gatewayctl.operations.traces.retention import find_spend_log_period
from gatewayctl.operations.traces.spend_checks import has_model_span
from gatewayctl.settings.master_key import require_master_key
from gatewayctl.settings.model import Settings
from gatewayctl.tracing.spans import Span, SpanQuery
from gatewayctl.tracing.stores import open_span_store
from gatewayctl.tracing.verify import find_answer, group_attempts

if TYPE_CHECKING:
    from gatewayctl.gateway.client import GatewayClient

MissingIn = Literal["phoenix", "spend_logs", "neither"]
KnownCause = Literal[
    "failed_call_tokens", "no_model_span", "same_response_id", "not_sampled", "cached",
    "guardrail_blocked",
]  # fmt: skip
LISTED: Final = 20
_EDGE: Final = timedelta(minutes=5)
"""The two date a call a little differently, so both are read beyond the edges of the period."""
_LONG_TRACE: Final = timedelta(hours=1)
_REPLACING: Final = ("reset", "restore", "rollback")
"""Verbs that empty or replace LiteLLM's database; reset and rollback keep Phoenix's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A call that one of the two lacks, or on which they disagree (``why`` says how)."""

    missing_in: MissingIn
    call_id: str
    trace_id: str | None
    component: str | None
    model: str | None
    start: datetime | None
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GapGroup:
    """The number of gaps of one component on one day (UTC, ``2026-01-31``)."""

    day: str | None
    component: str | None
    missing_in: MissingIn
    calls: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownDifference:
    """Calls that differ for a known reason, which is no gap.

    ``failed_call_tokens``: LiteLLM estimates the prompt of a failed call in the spend log only.
    ``no_model_span``: a fixed answer outside of completions, which LiteLLM does not trace.
    ``same_response_id``: the provider used an id twice, and LiteLLM keeps one row for each id.
    ``not_sampled``: out of the sample, or the client's trace context asks for no spans.
    ``cached``: LiteLLM's cache answered, without a call of a model. ``guardrail_blocked``: a
    guardrail blocked the request before it reached a model.
    """

    cause: KnownCause
    calls: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DataReplacement:
    """The last command that emptied or replaced the spend logs, and when it ended."""

    verb: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcileReport:
    """``matched`` calls are in both and agree, ``pending`` are gaps younger than the limit.

    ``differing`` is the number of all gaps, ``groups`` their summary, and ``gaps`` the newest of
    them. ``refused`` are failed requests without a span, which may not have reached a model.
    ``since`` is later than requested if ``replaced`` is set, because of it, or if ``retained`` is:
    what is older is deleted by ``retention:``.
    """

    since: datetime
    until: datetime
    replaced: DataReplacement | None
    matched: int
    pending: int
    refused: int
    differing: int
    groups: tuple[GapGroup, ...]
    known: tuple[KnownDifference, ...]
    gaps: tuple[Gap, ...]
    retained: bool = False

    @property
    def problem(self) -> NotVerified | None:
        """Set if there is a gap."""
        if not self.differing:
            return None
        calls = "1 call differs" if self.differing == 1 else f"{self.differing} calls differ"
        return NotVerified(
            f"{calls} between spend logs and Phoenix.",
            hint="Check one with `gatewayctl trace verify ID`.",
        )


def reconcile(
    settings: Settings,
    gateway: GatewayClient,
    *,
    since: datetime,
    settle: float = 20,
    limit: int = LISTED,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> ReconcileReport:
    """Compare both since ``since``, the end of the retention, or the last emptying of spend logs.

    A gap younger than ``settle`` seconds is pending, not reported; ``limit`` gaps are listed.
    Raises MasterKeyMissing, PhoenixUnreachable, TraceStoreNotQueryable, FileUnreadable and the
    errors of the gateway.
    """
    master = require_master_key(settings)
    until = now()
    kept_since = _find_kept_since(settings, until)
    retained = kept_since is not None and kept_since > since
    since = kept_since if kept_since is not None and retained else since
    replaced = _find_replacement(settings.state_dir)
    if replaced is not None and replaced.at <= since:
        replaced = None
    since, retained = (since, retained) if replaced is None else (replaced.at, False)
    logs = {
        log.call_id: log
        for log in list_spend_logs(gateway, master, since=since - _EDGE, until=until + _EDGE)
    }
    query = SpanQuery(kind="LLM", since=since - _EDGE)
    store = open_span_store(settings, gateway.http)
    found = store.find(store.project, query)
    spans = {call_id: find_answer(tries) for call_id, tries in group_attempts(found).items()}
    tally = _compare(logs, spans, since=since, offline=settings.offline_models)
    settled = until - timedelta(seconds=settle)
    due = [gap for gap in tally.gaps if gap.start is None or gap.start <= settled]
    newest_first = sorted(due, key=lambda gap: (gap.start or since, gap.call_id), reverse=True)
    return ReconcileReport(
        since=since,
        until=until,
        replaced=replaced,
        matched=tally.matched,
        pending=len(tally.gaps) - len(due),
        refused=tally.refused,
        differing=len(due),
        groups=_group(due),
        known=tuple(KnownDifference(cause=c, calls=n) for c, n in sorted(tally.known.items())),
        gaps=tuple(newest_first[:limit]),
        retained=retained,
    )


def _find_kept_since(settings: Settings, until: datetime) -> datetime | None:
    """The start of the period of which both have everything; None if nothing is deleted.

    Phoenix deletes whole traces by their start, and a trace can begin long before a call.
    """
    periods = (settings.retention.traces, find_spend_log_period(settings))
    shortest = min((each for each in periods if each is not None), default=None)
    return None if shortest is None else until - shortest + min(_LONG_TRACE, shortest / 2)


def _find_replacement(state_dir: Path) -> DataReplacement | None:
    """Also of a verb that failed or was killed: it may have come as far as that."""
    entries = [each for each in read_audit(state_dir).entries if each.verb in _REPLACING]
    if not entries:
        return None
    last = entries[-1]
    return DataReplacement(verb=last.verb, at=last.at + timedelta(seconds=last.seconds or 0))


@dataclass(slots=True)
class _Tally:
    """The result of each call, as it is found."""

    matched: int = 0
    refused: int = 0
    known: Counter[KnownCause] = field(default_factory=Counter)
    gaps: list[Gap] = field(default_factory=list)


def _compare(
    logs: Mapping[str, SpendLog],
    spans: Mapping[str, Span],
    *,
    since: datetime,
    offline: Container[str],
) -> _Tally:
    tally = _Tally()
    for call_id, log in logs.items():
        if log.start is None or log.start >= since:
            _compare_call(tally, log, spans.get(call_id), offline)
    response_ids = {log.response_id for log in logs.values() if log.response_id}
    for call_id, span in spans.items():
        if call_id in logs or span.start < since:
            continue
        if span.attributes.get("gen_ai.response.id") in response_ids:
            tally.known["same_response_id"] += 1
        else:
            tally.gaps.append(_make_span_gap(call_id, span))
    return tally


def _compare_call(tally: _Tally, log: SpendLog, span: Span | None, offline: Container[str]) -> None:
    if log.cached:
        # A span can only be of an attempt that failed before the cache answered.
        tally.known["cached"] += 1
        return
    if span is None:
        if log.guardrail:
            tally.known["guardrail_blocked"] += 1
        elif not log.ok:
            tally.refused += 1
        elif not has_model_span(log, offline):
            tally.known["no_model_span"] += 1
        elif not log.sampled:
            tally.known["not_sampled"] += 1
        else:
            why = "LiteLLM has a spend log, Phoenix no span"
            tally.gaps.append(_make_log_gap("phoenix", log, why))
        return
    counted = span.attributes.get("llm.token_count.total")
    if counted not in (None, log.total_tokens):
        if log.ok:
            why = f"{log.total_tokens} tokens in the spend log, {counted} in the span"
            tally.gaps.append(_make_log_gap("neither", log, why))
            return
        tally.known["failed_call_tokens"] += 1
    tally.matched += 1


def _make_log_gap(missing_in: MissingIn, log: SpendLog, why: str) -> Gap:
    return Gap(
        missing_in=missing_in,
        call_id=log.call_id,
        trace_id=log.trace_id,
        component=log.tag_value("component"),
        model=log.model,
        start=log.start,
        why=why,
    )


def _make_span_gap(call_id: str, span: Span) -> Gap:
    return Gap(
        missing_in="spend_logs",
        call_id=call_id,
        trace_id=span.trace_id,
        component=span.attributes.get("metadata.component"),
        model=span.attributes.get("llm.model_name"),
        start=span.start,
        why="Phoenix has a span, LiteLLM no spend log",
    )


def _group(gaps: Iterable[Gap]) -> tuple[GapGroup, ...]:
    """Newest day first, then the largest group."""
    counts = Counter(
        (f"{gap.start:%Y-%m-%d}" if gap.start else None, gap.component, gap.missing_in)
        for gap in gaps
    )
    groups = [
        GapGroup(day=day, component=component, missing_in=missing_in, calls=calls)
        for (day, component, missing_in), calls in counts.items()
    ]
    return tuple(sorted(groups, key=lambda group: (group.day or "", group.calls))[::-1])
