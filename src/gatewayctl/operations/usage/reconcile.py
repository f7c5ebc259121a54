"""The verb `usage reconcile`: compare LiteLLM's spend logs with Phoenix's model spans.

Owns the period in which both have everything, and the report.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from gatewayctl.errors import NotVerified
from gatewayctl.gateway.spend import iterate_spend_logs
from gatewayctl.operations.traces.retention import find_spend_log_period
from gatewayctl.operations.traces.spend_log_times import (
    DataReplacement,
    find_replacement,
    find_spend_log_deadline,
)
from gatewayctl.operations.usage.comparison import Gap, KnownCause, MissingIn, compare_calls
from gatewayctl.runtimes.base import Progress
from gatewayctl.settings.master_key import require_master_key
from gatewayctl.settings.model import Settings
from gatewayctl.tracing.spans import SpanQuery
from gatewayctl.tracing.stores import open_span_store
from gatewayctl.tracing.verify import LLM

if TYPE_CHECKING:
    from gatewayctl.gateway.client import GatewayClient

LISTED: Final = 20
_EDGE: Final = timedelta(minutes=5)
"""The two date a call a little differently, so both are read beyond the edges of the period."""
_LONG_TRACE: Final = timedelta(hours=1)


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
class ReconcileReport:
    """``matched`` calls are in both and agree, ``pending`` are gaps of calls that ended recently.

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
    settle: float | None = None,
    limit: int = LISTED,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Generator[Progress, None, ReconcileReport]:
    """Compare both since ``since``, the end of the retention, or the last emptying of spend logs.

    Yields progress. A gap of a call that ended less than ``settle`` seconds ago is pending, not
    reported; without it, one whose spend log may not be written yet. ``limit`` gaps are
    listed. Raises MasterKeyMissing, PhoenixUnreachable, TraceStoreNotQueryable, FileUnreadable and
    the errors of the gateway.
    """
    master = require_master_key(settings)
    until = now()
    kept_since = _find_kept_since(settings, until)
    retained = kept_since is not None and kept_since > since
    since = kept_since if kept_since is not None and retained else since
    replaced = find_replacement(settings.state_dir)
    if replaced is not None and replaced.at <= since:
        replaced = None
    since, retained = (since, retained) if replaced is None else (replaced.at, False)
    logs = iterate_spend_logs(gateway, master, since=since - _EDGE, until=until + _EDGE)
    store = open_span_store(settings, gateway.http)
    spans = store.iterate(store.project, SpanQuery(kind=LLM, since=since - _EDGE))
    tally = yield from compare_calls(logs, spans, since=since, offline=settings.offline_models)
    settle = find_spend_log_deadline(settings) if settle is None else settle
    due = [gap for gap in tally.gaps if _has_settled(gap, until, settle)]
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


def _has_settled(gap: Gap, until: datetime, settle: float) -> bool:
    return gap.end is None or (until - gap.end).total_seconds() >= settle


def _find_kept_since(settings: Settings, until: datetime) -> datetime | None:
    """The start of the period of which both have everything; None if nothing is deleted.

    Phoenix deletes whole traces by their start, and a trace can begin long before a call.
    """
    periods = (settings.retention.traces, find_spend_log_period(settings))
    shortest = min((each for each in periods if each is not None), default=None)
    return None if shortest is None else until - shortest + min(_LONG_TRACE, shortest / 2)


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
