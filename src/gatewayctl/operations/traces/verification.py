"""The verification of one request: its spans in Phoenix and its entry in LiteLLM's spend logs.

Owns the waiting and the three verdicts. Verified: everything is present and agrees. Not verified:
a value differs, or something is lost. Unknown: Phoenix or LiteLLM does not answer, or spans may
still be on their way. A missing span is lost only if newer spans of the gateway have arrived:
LiteLLM sends its spans in order.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, Literal

from gatewayctl.errors import (
    GatewayctlError,
    NotVerified,
    PhoenixUnreachable,
    TraceStoreNotQueryable,
    TraceUnknown,
)
from gatewayctl.gateway.spend import SpendLog, list_spend_logs
from gatewayctl.operations.traces.attempts import sum_up_attempts
from gatewayctl.operations.traces.probe import has_probe_arrived, send_probe
from gatewayctl.operations.traces.spend_checks import check_spend_logs, complete_expectation
from gatewayctl.operations.traces.spend_log_times import (
    explain_deleted_log,
    explain_late_log,
    find_spend_log_deadline,
    find_verification_timeout,
)
from gatewayctl.runtimes.base import Progress
from gatewayctl.settings.model import Settings
from gatewayctl.tracing.spans import Span, SpanQuery, SpanStore
from gatewayctl.tracing.stores import explain_not_queryable, open_span_store
from gatewayctl.tracing.verify import CALL_ID, Expectation, ExpectedCall, TraceCheck, check_trace

if TYPE_CHECKING:
    from gatewayctl.gateway.client import GatewayClient

Verdict = Literal["verified", "not_verified", "unknown"]
Expect = Callable[[Sequence[Span], Sequence[SpendLog]], Expectation]

QUIET: Final = 1.0
"""Seconds without a new span until a trace counts as complete: a second model span for one call
would arrive with the same export or the next."""
PAST: Final = 60.0
"""Seconds after which no span of a trace is on its way any more."""
GRACE: Final = 5.0
"""Seconds for a probe to arrive after the deadline; LiteLLM sends spans twice a second."""
_INTERVAL: Final = 0.25
_LOGS_INTERVAL: Final = 0.75


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceVerification:
    """The result for one trace, with the state of each check.

    ``visible_after`` and ``ledger_after``: seconds from the reply until all spans, and the spend
    logs, could be read; None for a past reply, or if they never could. ``retries``: attempts that
    LiteLLM made before its answers; ``fallbacks``: models that answered for the requested ones;
    ``deployments``: what was called, in LiteLLM's notation; ``cached``: calls that LiteLLM's cache
    answered, without a provider. ``queryable``: False where no trace store can be asked for spans.
    ``logs_deleted``: spend logs of that time are missing because they were deleted or replaced.
    """

    trace_id: str
    verdict: Verdict
    checks: tuple[TraceCheck, ...]
    calls: int
    spans: int
    visible_after: float | None
    ledger_after: float | None
    retries: int = 0
    fallbacks: tuple[str, ...] = ()
    deployments: tuple[str, ...] = ()
    cached: int = 0
    reason: str | None = None
    unreachable: bool = False
    queryable: bool = True
    logs_deleted: bool = False

    @property
    def verified(self) -> bool | None:
        return {"verified": True, "not_verified": False, "unknown": None}[self.verdict]

    @property
    def known(self) -> bool:
        """False if there is nothing of the trace."""
        return self.spans > 0 or self.calls > 0

    @property
    def problem(self) -> GatewayctlError | None:
        """Set unless verified; the message lists each failed check."""
        if self.verdict == "verified":
            return None
        if self.verdict == "unknown":
            if not self.queryable:
                return TraceStoreNotQueryable(f"Not verified: {self.reason}")
            message = f"Trace {self.trace_id} could not be verified: {self.reason}"
            if self.unreachable:
                return PhoenixUnreachable(message)
            # Waiting longer does not help.
            hint = "`gatewayctl trace show ID` shows its spans." if self.logs_deleted else None
            return TraceUnknown(message, hint=hint)
        if not self.known:
            return NotVerified(
                f"Trace {self.trace_id} is not known: Phoenix has no span of it, and LiteLLM no"
                " spend log.",
                hint="Check the id: `gatewayctl trace list` has the latest.",
            )
        failed = [check for check in self.checks if check.state == "failed"]
        named = "; ".join(f"{check.name} ({check.detail})" for check in failed)
        return NotVerified(f"Trace {self.trace_id} is not verified: {named}.")


@dataclass(slots=True)
class _State:
    """What was read last, and since when it is complete."""

    spans: tuple[Span, ...] = ()
    misplaced: tuple[Span, ...] = ()
    logs: tuple[SpendLog, ...] = ()
    phoenix_error: PhoenixUnreachable | None = None
    logs_error: GatewayctlError | None = None
    checks: tuple[TraceCheck, ...] = ()
    calls: tuple[ExpectedCall, ...] = ()
    changed_at: float = 0
    logs_read_at: float = field(default=float("-inf"))
    visible_after: float | None = None
    ledger_after: float | None = None

    def is_incomplete(self, *, logs: bool) -> bool:
        return any(
            check.state in {"missing", "unknown"}
            for check in self.checks
            if _is_about_logs(check) == logs
        )

    @property
    def failed(self) -> bool:
        return any(check.state == "failed" for check in self.checks)


def wait_for_verification(
    settings: Settings,
    gateway: GatewayClient,
    trace_id: str | None,
    expect: Expect,
    *,
    timeout: float | None,
    fresh: bool,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Generator[Progress, None, TraceVerification]:
    """Read spans and spend logs until the result is certain or after ``timeout`` seconds.

    Without ``timeout`` as long as both can take. ``expect`` returns what the trace must contain,
    given what was read. ``fresh``: the reply has just arrived. Failures are part of the result, not
    raised.
    """
    if trace_id is None:
        return _make_unknown("-", "OTEL_SDK_DISABLED turned tracing off")
    if settings.asked_store is None:
        return _make_unknown(trace_id, explain_not_queryable(settings), queryable=False)
    start, started = clock(), now()
    logs_deadline = find_spend_log_deadline(settings)
    timeout = find_verification_timeout(settings) if timeout is None else timeout
    store, state = open_span_store(settings, gateway.http), _State(changed_at=clock())
    while True:
        _read(store, settings, gateway, trace_id, expect, state, clock, started)
        elapsed = clock() - start
        _record_times(state, elapsed)
        past = not fresh and _measure_age(state, started) >= max(PAST, logs_deadline)
        if past or _is_certain(state, clock()) or elapsed >= timeout:
            break
        yield Progress(subject="trace", state="working", detail=f"{len(state.spans)} spans so far")
        sleep(min(_INTERVAL, max(0.0, timeout - elapsed)))
    lost = False
    if _may_be_late(state):
        probe = send_probe(gateway, settings.secrets.master_key)
        lost = has_probe_arrived(settings, gateway, probe, timeout=GRACE, clock=clock, sleep=sleep)
        # Spans that arrived before the probe were late, not lost.
        state.logs_read_at = float("-inf")
        _read(store, settings, gateway, trace_id, expect, state, clock, started)
        _record_times(state, clock() - start)
    # Without spans and spend logs the trace may be of any age.
    age = clock() - start if fresh else (_measure_age(state, now()) or float("inf"))
    deleted, late = _explain_deleted_logs(settings, state, now()), explain_late_log(settings, age)
    result = _judge(trace_id, state, lost=lost, log_excuse=deleted or late, fresh=fresh)
    result = replace(result, logs_deleted=deleted is not None)
    verified = result.verdict == "verified"
    detail = result.verdict.replace("_", " ")
    yield Progress(subject="trace", state="ready" if verified else "failed", detail=detail)
    return result


def _read(
    store: SpanStore,
    settings: Settings,
    gateway: GatewayClient,
    trace_id: str,
    expect: Expect,
    state: _State,
    clock: Callable[[], float],
    started: datetime,
) -> None:
    before = {span.span_id for span in state.spans}
    try:
        state.spans = store.find(store.project, SpanQuery(trace_ids=(trace_id,)))
        state.phoenix_error = None
    except PhoenixUnreachable as error:
        state.phoenix_error = error
    if {span.span_id for span in state.spans} != before:
        state.changed_at = clock()
    if clock() - state.logs_read_at >= _LOGS_INTERVAL and (
        state.ledger_after is None or not state.logs
    ):
        _read_spend_logs(settings, gateway, trace_id, state, started)
        state.logs_read_at = clock()
    expected = complete_expectation(expect(state.spans, state.logs), state.logs)
    state.calls = expected.calls
    state.misplaced = _find_misplaced(store, state, expected)
    unread = None if state.logs_error is None else state.logs_error.message
    state.checks = (
        *check_trace(state.spans, expected, misplaced=state.misplaced),
        *check_spend_logs(state.logs, expected, unread=unread),
    )


def _find_misplaced(store: SpanStore, state: _State, expected: Expectation) -> tuple[Span, ...]:
    """Find model spans of this request in other traces."""
    present = {span.attributes.get(CALL_ID) for span in state.spans}
    found: list[Span] = []
    for call in expected.calls:
        if call.call_id is not None and call.call_id not in present and state.phoenix_error is None:
            query = SpanQuery(attributes={CALL_ID: call.call_id})
            try:
                found += store.find(store.project, query)
            except PhoenixUnreachable as error:
                state.phoenix_error = error
    return tuple(found)


def _read_spend_logs(
    settings: Settings, gateway: GatewayClient, trace_id: str, state: _State, started: datetime
) -> None:
    master = settings.secrets.master_key
    if master is None:
        message = "LITELLM_MASTER_KEY, needed to read spend logs, is not set"
        state.logs_error = GatewayctlError(message)
        return
    first = min((span.start for span in state.spans), default=started)
    last = max((span.end for span in state.spans), default=started)
    since = min(first, started if state.spans else started - timedelta(days=30))
    try:
        state.logs = list_spend_logs(
            gateway,
            master,
            since=since - timedelta(minutes=1),
            until=max(last, started) + timedelta(minutes=2),
            trace_id=trace_id,
        )
        state.logs_error = None
    except GatewayctlError as error:
        state.logs_error = error


def _record_times(state: _State, elapsed: float) -> None:
    complete = not state.is_incomplete(logs=False) and state.phoenix_error is None
    if state.visible_after is None and complete:
        state.visible_after = elapsed
    if state.ledger_after is None and not state.is_incomplete(logs=True):
        state.ledger_after = elapsed


def _is_certain(state: _State, now: float) -> bool:
    """True if nothing is awaited any more, or a check failed that no later span can change."""
    if state.phoenix_error is not None or now - state.changed_at < QUIET:
        return False
    if state.failed:
        return True
    return not state.is_incomplete(logs=False) and not state.is_incomplete(logs=True)


def _may_be_late(state: _State) -> bool:
    """True if a span is missing and nothing else is wrong: it is lost, or still on its way."""
    return state.phoenix_error is None and not state.failed and state.is_incomplete(logs=False)


def _measure_age(state: _State, now: datetime) -> float:
    """Seconds since the last span or spend log of the trace; 0 if there is none."""
    ends = [span.end for span in state.spans] + [log.start for log in state.logs if log.start]
    return (now - max(ends)).total_seconds() if ends else 0


def _explain_deleted_logs(settings: Settings, state: _State, now: datetime) -> str | None:
    """Why spend logs are missing that LiteLLM has written, or None."""
    missing = any(_is_about_logs(check) and check.state == "missing" for check in state.checks)
    if not missing or not state.spans:
        return None
    return explain_deleted_log(settings, min(span.start for span in state.spans), now)


def _is_about_logs(check: TraceCheck) -> bool:
    return check.name.startswith("ledger")


def _judge(
    trace_id: str, state: _State, *, lost: bool, log_excuse: str | None, fresh: bool
) -> TraceVerification:
    """``lost``: newer spans have arrived. ``log_excuse``: why spend logs may be missing."""
    checks = tuple(
        _decide_missing_log(check, log_excuse)
        if _is_about_logs(check)
        else _decide_missing(check, lost=lost)
        for check in state.checks
    )
    failed = any(check.state == "failed" for check in checks)
    unsure = [check for check in checks if check.state == "unknown"]
    verdict: Verdict = "not_verified" if failed else "unknown" if unsure else "verified"
    reason = unsure[0].detail if unsure else None
    if state.phoenix_error is not None:
        verdict, reason = ("not_verified" if failed else "unknown"), state.phoenix_error.message
    elif unsure and not lost and not _is_about_logs(unsure[0]):
        reason = (
            f"{unsure[0].detail}, and newer spans of the gateway have not arrived either:"
            " they may still be on their way."
        )
    attempts = sum_up_attempts(state.calls, state.spans, state.logs)
    return TraceVerification(
        trace_id=trace_id,
        verdict=verdict,
        checks=checks,
        calls=len(state.calls),
        spans=len(state.spans),
        visible_after=state.visible_after if fresh else None,
        ledger_after=state.ledger_after if fresh else None,
        retries=attempts.retries,
        fallbacks=attempts.fallbacks,
        deployments=attempts.deployments,
        cached=attempts.cached,
        reason=reason if verdict == "unknown" else None,
        unreachable=state.phoenix_error is not None,
    )


def _decide_missing(check: TraceCheck, *, lost: bool) -> TraceCheck:
    if check.state != "missing":
        return check
    return replace(check, state="failed" if lost else "unknown")


def _decide_missing_log(check: TraceCheck, excuse: str | None) -> TraceCheck:
    if check.state != "missing" or excuse is None:
        return _decide_missing(check, lost=True)
    return replace(check, state="unknown", detail=f"{check.detail}: {excuse}")


def _make_unknown(trace_id: str, reason: str, *, queryable: bool = True) -> TraceVerification:
    return TraceVerification(
        trace_id=trace_id,
        verdict="unknown",
        checks=(),
        calls=0,
        spans=0,
        visible_after=None,
        ledger_after=None,
        reason=reason,
        queryable=queryable,
    )
