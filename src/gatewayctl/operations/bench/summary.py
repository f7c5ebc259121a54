"""The figures of a benchmark from its rounds.

Owns percentiles, their differences, and each request's share of the cost. Must not know how rounds
are sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final

from gatewayctl.operations.bench.measure import Measured
from gatewayctl.operations.bench.report import LoadCost, Percentiles, ServiceCost, SideResult
from gatewayctl.operations.bench.rounds import SIDES, Round, Side, count_errors
from gatewayctl.operations.usage.summary import percentile
from gatewayctl.runtimes.metering.base import ServiceUsage

_POINTS: Final = 100
_BUSY: Final = 0.8
"""Of one core: a single-threaded program above it delays what it measures."""


def make_percentiles(values: Iterable[float]) -> Percentiles:
    ordered = sorted(values)
    return Percentiles(
        p50=percentile(ordered, 0.5), p95=percentile(ordered, 0.95), p99=percentile(ordered, 0.99)
    )


def subtract(gateway: SideResult, direct: SideResult | None, attribute: str) -> Percentiles | None:
    """The difference of each percentile of one of their times; None if one side has none."""
    one: Percentiles | None = getattr(gateway, attribute)
    other: Percentiles | None = None if direct is None else getattr(direct, attribute)
    if one is None or other is None:
        return None
    return Percentiles(
        p50=_minus(one.p50, other.p50),
        p95=_minus(one.p95, other.p95),
        p99=_minus(one.p99, other.p99),
    )


def _minus(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one - other


def thin_out(values: Sequence[float]) -> tuple[float, ...]:
    """At most a hundred of the values, at evenly spaced ranks, lowest first."""
    ordered = sorted(values)
    if len(ordered) > _POINTS:
        step = len(ordered) / _POINTS
        ordered = [ordered[int((number + 0.5) * step)] for number in range(_POINTS)]
    return tuple(round(value, 3) for value in ordered)


def collect_latencies(rounds: Sequence[Round]) -> dict[Side, tuple[tuple[float, ...], ...]]:
    """The latencies of each round by side; empty ones if a side was not measured."""
    return {
        side: tuple(thin_out(each.latency) for each in rounds if each.side == side)
        for side in SIDES
    }


def select(rounds: Sequence[Round], side: Side) -> tuple[Round, ...]:
    return tuple(each for each in rounds if each.side == side)


def summarize_side(rounds: tuple[Round, ...], *, stream: bool) -> SideResult:
    """All rounds of one side together."""
    sent, errors = sum(each.sent for each in rounds), count_errors(rounds)
    good, seconds = sum(len(each.latency) for each in rounds), sum(each.seconds for each in rounds)
    reasons: dict[str, str] = {}
    for each in rounds:
        reasons = {**each.reasons, **reasons}
    return SideResult(
        requests=sent,
        errors=errors,
        reasons=reasons,
        error_rate=sum(errors.values()) / sent if sent else 0.0,
        rps=good / seconds if seconds else 0.0,
        latency_ms=make_percentiles(v for each in rounds for v in each.latency),
        ttft_ms=make_percentiles(v for r in rounds for v in r.ttft) if stream else None,
        chunk_ms=make_percentiles(v for r in rounds for v in r.chunk) if stream else None,
        distribution_ms=thin_out([v for each in rounds for v in each.latency]),
    )


def summarize_reported(rounds: tuple[Round, ...]) -> Percentiles | None:
    """What LiteLLM says that it added; None if no answer had the header."""
    values = [value for each in rounds for value in each.reported]
    return make_percentiles(values) if values else None


def summarize_services(measured: Measured, requests: int) -> dict[str, ServiceCost]:
    """The cost of each service that ran all the time; empty if none was read."""
    before, after = measured.before, measured.after
    if before is None or after is None:
        return {}
    found = {}
    for name, end in after.usage.items():
        start = before.usage.get(name)
        if start is None or requests == 0:
            continue
        looks = _find_looks(measured, name)
        if _was_restarted(looks):
            # What it used before is not known, and its start is no request.
            continue
        # The lower of both: the stack may not have been idle before, and not be after.
        idle = min(before.idle.get(name, 0.0), after.idle.get(name, 0.0))
        used = end.cpu_seconds - start.cpu_seconds - idle * measured.between
        found[name] = ServiceCost(
            cpu_ms_per_request=max(used, 0.0) * 1000 / requests,
            idle_cpu_ms_per_second=idle * 1000,
            memory_end_bytes=end.memory_bytes,
            memory_peak_bytes=max(look.memory_bytes for look in looks[1:]),
        )
    return found


def find_restarted(measured: Measured) -> tuple[str, ...]:
    """The services that were started again while they were measured."""
    after = {} if measured.after is None else measured.after.usage
    return tuple(name for name in after if _was_restarted(_find_looks(measured, name)))


def _find_looks(measured: Measured, service: str) -> list[ServiceUsage]:
    """What was read of a service, in the order of time."""
    around = [each.usage for each in (measured.before, measured.after) if each is not None]
    usages = (*around[:1], *measured.looks, *around[1:])
    return [usage[service] for usage in usages if service in usage]


def _was_restarted(looks: Iterable[ServiceUsage]) -> bool:
    """True if it had used more before than after: its counter starts with it."""
    return any(one.cpu_seconds > other.cpu_seconds for one, other in pairwise(looks))


def summarize_load(measured: Measured) -> LoadCost:
    """The benchmark's own cost, and whether it was the limit."""
    rounds, upstream = measured.rounds, measured.upstream
    sent = sum(each.sent for each in rounds)
    busiest = max((r.cpu_seconds / r.seconds for r in rounds if r.seconds), default=0.0)
    late = max((each.late_ms for each in rounds), default=0.0)
    share = None
    if upstream and upstream["requests"]:
        share = upstream["cpu_seconds"] * 1000 / upstream["requests"]
    return LoadCost(
        load_cpu_ms_per_request=sum(r.cpu_seconds for r in rounds) * 1000 / max(sent, 1),
        upstream_cpu_ms_per_request=share,
        busiest=busiest,
        late_ms=late,
        limited=busiest > _BUSY,
    )
