"""This run against a stored one: is the gateway slower?

Owns the statistic. Two runs at different times differ by what else the machine does, which only
ever adds time. So the overhead is taken at a low percentile, where the quiet moments are, and in
yardsticks: the overhead of a fixed amount of Python, measured in the same rounds. A bootstrap over
the rounds bounds its change. It is a regression if the change is past the limit, and is not
explained by how much the rounds differ.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Final

from gatewayctl.operations.bench.baseline import Environment, StoredRun, find_differences
from gatewayctl.operations.bench.report import Comparison
from gatewayctl.operations.bench.rounds import Round, Side
from gatewayctl.operations.bench.summary import collect_latencies
from gatewayctl.operations.usage.summary import percentile

SHARE: Final = 0.1
"""The percentile that decides: few requests are slowed down by others there, and enough count."""
_RESAMPLES: Final = 400
_LOW, _HIGH = 0.05, 0.95
_SMALLEST: Final = 0.05
"""Milliseconds. An overhead below it counts as this much."""
Latencies = Mapping[Side, Sequence[Sequence[float]]]


def compare(
    name: str,
    stored: StoredRun,
    environment: Environment,
    rounds: Sequence[Round],
    cpu_ms_per_request: Mapping[str, float],
    *,
    limit: float,
) -> Comparison | None:
    """Compare two runs of equal parameters; None if one has no success. ``limit`` in percent."""
    now = collect_latencies(rounds)
    before, after = measure_overhead(stored.rounds), measure_overhead(now)
    if before is None or after is None:
        return None
    changes = sorted(
        (after_one / before_one - 1) * 100
        for before_one, after_one in zip(
            resample(stored.rounds, seed=1), resample(now, seed=2), strict=True
        )
    )
    change = (after / before - 1) * 100
    low, high = percentile(changes, _LOW) or 0.0, percentile(changes, _HIGH) or 0.0
    both = stored.cpu_ms_per_request.keys() & cpu_ms_per_request.keys()
    total_before, total_now = (
        sum(costs[service] for service in both)
        for costs in (stored.cpu_ms_per_request, cpu_ms_per_request)
    )
    return Comparison(
        against=name,
        baseline=before,
        now=after,
        change_percent=change,
        low_percent=low,
        high_percent=high,
        max_regression_percent=limit,
        regressed=change > limit and low > 0,
        noisy=high - low > 3 * max(limit, 1),
        cpu_change_percent=(total_now / total_before - 1) * 100
        if total_before and total_now
        else None,
        differences=find_differences(stored.environment, environment),
    )


def measure_overhead(rounds: Latencies) -> float | None:
    """The gateway's overhead in yardsticks, or in milliseconds without a direct side."""
    gateway, direct, yardstick = (
        percentile(sorted(value for row in rounds[side] for value in row), SHARE)
        for side in ("gateway", "direct", "yardstick")
    )
    if gateway is None:
        return None
    if direct is None or yardstick is None:
        return gateway
    return max(gateway - direct, _SMALLEST) / max(yardstick - direct, _SMALLEST)


def resample(rounds: Latencies, *, seed: int) -> list[float]:
    """The overhead of as many rounds, drawn with repetition, many times: how much it varies.

    Sides are drawn together, as they were measured. The seed is fixed, so that the same two runs
    give the same verdict, and another for each run, which share nothing.
    """
    chance = random.Random(seed)  # noqa: S311 - not a secret
    count, found = len(rounds["gateway"]), []
    for _ in range(_RESAMPLES):
        drawn = chance.choices(range(count), k=count)
        picked: dict[Side, list[Sequence[float]]] = {
            side: [rows[number] for number in drawn if number < len(rows)]
            for side, rows in rounds.items()
        }
        if (overhead := measure_overhead(picked)) is not None:
            found.append(overhead)
    return found + found[:1] * (_RESAMPLES - len(found))
