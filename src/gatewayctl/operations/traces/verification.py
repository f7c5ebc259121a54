"""The proof of one request: its spans in Phoenix and its entry in LiteLLM's ledger.

Owns the waiting and the three answers. Verified: everything is there and agrees. Not
verified: something says otherwise, or is lost. Unknown: nobody can say, because Phoenix or
LiteLLM does not answer or the spans may still be on their way. What is missing is called
lost only when newer spans of the gateway have arrived: LiteLLM sends its spans in order.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, Literal

from gatewayctl.errors import GatewayctlError, NotVerified, PhoenixUnreachable, TraceUnknown
from gatewayctl.gateway.spend import SpendLog, list_spend_logs
from gatewayctl.operations.traces.probe import has_probe_arrived, send_probe
from gatewayctl.operations.traces.spend_checks import check_spend_logs
from gatewayctl.runtimes.base import Progress
from gatewayctl.settings.model import PHOENIX_PROJECT, Settings
from gatewayctl.tracing.spans import Span, SpanQuery, SpanStore
from gatewayctl.tracing.verify import CALL_ID, Expectation, TraceCheck, check_trace

if TYPE_CHECKING:
    from gatewayctl.gateway.client import GatewayClient

Verdict = Literal["verified", "not verified", "unknown"]
Expect = Callable[[Sequence[Span], Sequence[SpendLog]], Expectation]

QUIET: Final = 1.0
"""Seconds without a new span until a trace counts as whole: a second model span for one
call would come with the same export or the next."""
LEDGER_PATIENCE: Final = 20.0
"""Seconds after which a spend log that is not there will not come: LiteLLM writes them every
10 s by default, and up to 5 later."""
GRACE: Final = 5.0
"""Seconds a probe gets after the deadline; LiteLLM sends spans twice a second."""
_INTERVAL: Final = 0.25
_LEDGER_INTERVAL: Final = 0.75


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceVerification:
    """The answer for one trace. ``checks`` says of each what was found.

    ``visible_after`` and ``ledger_after``: seconds from the reply until all spans, and the
    spend logs, could be read; None where the reply is of the past or they never could.
    """

    trace_id: str
    verdict: Verdict
    checks: tuple[TraceCheck, ...]
    calls: int
    spans: int
    visible_after: float | None
    ledger_after: float | None
    reason: str | None = None
    unreachable: bool = False

    @property
    def verified(self) -> bool | None:
        return {"verified": True, "not verified": False, "unknown": None}[self.verdict]

    @property
    def problem(self) -> GatewayctlError | None:
        """Set unless verified; the message names each check that failed."""
        if self.verdict == "verified":
            return None
        if self.verdict == "unknown":
            kind = PhoenixUnreachable if self.unreachable else TraceUnknown
            return kind(f"Nobody can say whether trace {self.trace_id} is whole: {self.reason}")
        failed = [check for check in self.checks if check.state == "failed"]
        named = "; ".join(f"{check.name} ({check.detail})" for check in failed)
        return NotVerified(f"Trace {self.trace_id} is not verified: {named}.")


@dataclass(slots=True)
class _Seen:
    """What the last look found, and when things became whole."""

    spans: tuple[Span, ...] = ()
    strays: tuple[Span, ...] = ()
    logs: tuple[SpendLog, ...] = ()
    phoenix: PhoenixUnreachable | None = None
    ledger: GatewayctlError | None = None
    checks: tuple[TraceCheck, ...] = ()
    calls: int = 0
    changed_at: float = 0
    ledger_read_at: float = field(default=float("-inf"))
    visible_after: float | None = None
    ledger_after: float | None = None

    def lacking(self, *, ledger: bool) -> bool:
        return any(
            check.state in {"missing", "unknown"}
            for check in self.checks
            if check.name.startswith("ledger") == ledger
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
    timeout: float,
    fresh: bool,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Generator[Progress, None, TraceVerification]:
    """Look until the answer is certain or ``timeout`` seconds are over.

    ``expect`` says what the trace must hold, from what was read where nobody knew before.
    ``fresh`` is whether the reply has just come. Never raises for what it finds.
    """
    if trace_id is None:
        return _nothing("OTEL_SDK_DISABLED turned tracing off")
    began, started = clock(), now()
    store, seen = SpanStore(gateway.http, settings.phoenix_url), _Seen(changed_at=clock())
    while True:
        _look(store, settings, gateway, trace_id, expect, seen, clock, started)
        elapsed = clock() - began
        _note_times(seen, elapsed)
        if _certain(seen, clock()) or elapsed >= timeout:
            break
        yield Progress(subject="trace", state="working", detail=f"{len(seen.spans)} spans so far")
        sleep(min(_INTERVAL, max(0.0, timeout - elapsed)))
    lost = False
    if _in_doubt(seen):
        probe = send_probe(gateway, settings.secrets.master_key)
        lost = has_probe_arrived(settings, gateway, probe, timeout=GRACE, clock=clock, sleep=sleep)
        # What came while the probe was under way was not lost.
        seen.ledger_read_at = float("-inf")
        _look(store, settings, gateway, trace_id, expect, seen, clock, started)
        _note_times(seen, clock() - began)
    age = clock() - began if fresh else _age(seen, now())
    proof = _answer(trace_id, seen, lost=lost, booked=age >= LEDGER_PATIENCE, fresh=fresh)
    good = proof.verdict == "verified"
    yield Progress(subject="trace", state="ready" if good else "failed", detail=proof.verdict)
    return proof


def _look(
    store: SpanStore,
    settings: Settings,
    gateway: GatewayClient,
    trace_id: str,
    expect: Expect,
    seen: _Seen,
    clock: Callable[[], float],
    started: datetime,
) -> None:
    before = {span.span_id for span in seen.spans}
    try:
        seen.spans, seen.phoenix = _spans(store, trace_id), None
    except PhoenixUnreachable as error:
        seen.phoenix = error
    if {span.span_id for span in seen.spans} != before:
        seen.changed_at = clock()
    if clock() - seen.ledger_read_at >= _LEDGER_INTERVAL and (
        seen.ledger_after is None or not seen.logs
    ):
        _read_ledger(settings, gateway, trace_id, seen, started)
        seen.ledger_read_at = clock()
    expected = expect(seen.spans, seen.logs)
    seen.calls = len(expected.calls)
    seen.strays = _strays(store, seen, expected)
    unread = None if seen.ledger is None else seen.ledger.message
    seen.checks = (
        *check_trace(seen.spans, expected, strays=seen.strays),
        *check_spend_logs(seen.logs, expected, unread=unread),
    )


def _spans(store: SpanStore, trace_id: str) -> tuple[Span, ...]:
    return store.find(PHOENIX_PROJECT, SpanQuery(trace_id=trace_id))


def _strays(store: SpanStore, seen: _Seen, expected: Expectation) -> tuple[Span, ...]:
    """The model calls of this request that are in no place where they should be."""
    here = {span.attributes.get(CALL_ID) for span in seen.spans}
    found: list[Span] = []
    for call in expected.calls:
        if call.call_id is not None and call.call_id not in here and seen.phoenix is None:
            query = SpanQuery(attributes={CALL_ID: call.call_id})
            try:
                found += store.find(PHOENIX_PROJECT, query)
            except PhoenixUnreachable as error:
                seen.phoenix = error
    return tuple(found)


def _read_ledger(
    settings: Settings, gateway: GatewayClient, trace_id: str, seen: _Seen, started: datetime
) -> None:
    master = settings.secrets.master_key
    if master is None:
        seen.ledger = GatewayctlError("LITELLM_MASTER_KEY, which reads the ledger, is not set")
        return
    first = min((span.start for span in seen.spans), default=started)
    last = max((span.end for span in seen.spans), default=started)
    since = min(first, started if seen.spans else started - timedelta(days=30))
    try:
        seen.logs = list_spend_logs(
            gateway,
            master,
            since=since - timedelta(minutes=1),
            until=max(last, started) + timedelta(minutes=2),
            trace_id=trace_id,
        )
        seen.ledger = None
    except GatewayctlError as error:
        seen.ledger = error


def _note_times(seen: _Seen, elapsed: float) -> None:
    if seen.visible_after is None and not seen.lacking(ledger=False) and seen.phoenix is None:
        seen.visible_after = elapsed
    if seen.ledger_after is None and not seen.lacking(ledger=True):
        seen.ledger_after = elapsed


def _certain(seen: _Seen, now: float) -> bool:
    """Nothing is awaited any more, or something is wrong that no later span can mend."""
    if seen.phoenix is not None or now - seen.changed_at < QUIET:
        return False
    if seen.failed:
        return True
    return not seen.lacking(ledger=False) and not seen.lacking(ledger=True)


def _in_doubt(seen: _Seen) -> bool:
    """Something is missing and nothing else is wrong: lost, or on its way?"""
    return seen.phoenix is None and not seen.failed and seen.lacking(ledger=False)


def _age(seen: _Seen, now: datetime) -> float:
    last = max((span.end for span in seen.spans), default=None)
    return float("inf") if last is None else (now - last).total_seconds()


def _answer(
    trace_id: str, seen: _Seen, *, lost: bool, booked: bool, fresh: bool
) -> TraceVerification:
    """``lost``: newer spans are there. ``booked``: the ledger has had time enough."""
    checks = tuple(
        _settled(check, lost=booked if check.name.startswith("ledger") else lost)
        for check in seen.checks
    )
    failed = any(check.state == "failed" for check in checks)
    unsure = [check for check in checks if check.state == "unknown"]
    verdict: Verdict = "not verified" if failed else "unknown" if unsure else "verified"
    reason = unsure[0].detail if unsure else None
    if seen.phoenix is not None:
        verdict, reason = ("not verified" if failed else "unknown"), seen.phoenix.message
    elif unsure and not lost and not unsure[0].name.startswith("ledger"):
        reason = (
            f"{unsure[0].detail}, and newer spans of the gateway have not arrived either:"
            " they may still be on their way."
        )
    return TraceVerification(
        trace_id=trace_id,
        verdict=verdict,
        checks=checks,
        calls=seen.calls,
        spans=len(seen.spans),
        visible_after=seen.visible_after if fresh else None,
        ledger_after=seen.ledger_after if fresh else None,
        reason=reason if verdict == "unknown" else None,
        unreachable=seen.phoenix is not None,
    )


def _settled(check: TraceCheck, *, lost: bool) -> TraceCheck:
    if check.state != "missing":
        return check
    return replace(check, state="failed" if lost else "unknown")


def _nothing(reason: str) -> TraceVerification:
    return TraceVerification(
        trace_id="-",
        verdict="unknown",
        checks=(),
        calls=0,
        spans=0,
        visible_after=None,
        ledger_after=None,
        reason=reason,
    )
