"""The statistic that decides, on runs whose truth is known."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatewayctl.operations.bench.baseline import Environment, StoredRun
from gatewayctl.operations.bench.comparison import compare, measure_overhead
from gatewayctl.operations.bench.parameters import BenchParameters
from gatewayctl.operations.bench.report import Comparison
from gatewayctl.operations.bench.rounds import Round, Side
from gatewayctl.operations.bench.summary import collect_latencies

HERE = Environment(machine="m", runtime="embedded", versions={"litellm": "1"}, settings="s")
WORK: dict[Side, float] = {"direct": 0.5, "yardstick": 7.5, "gateway": 16.5}
"""Milliseconds of a quiet machine, beside the 20 of the upstream."""


def make_rounds(seed: int, *, added: float = 0.0, busy: float = 1.0) -> list[Round]:
    """Twenty rounds of a machine that is ``busy`` times slower; others slow single requests."""
    chance = random.Random(seed)  # noqa: S311 - not a secret
    found = []
    for _ in range(20):
        slow = busy * chance.uniform(1, 1.15)
        for side, work in WORK.items():
            extra = added if side == "gateway" else 0.0
            latency = tuple(
                20 + extra + work * slow * (1 + chance.expovariate(6)) for _ in range(15)
            )
            found.append(Round(side=side, latency=latency))
    return found


def find_change(
    before: list[Round], now: list[Round], *, limit: float = 10, cpu: dict[str, float] | None = None
) -> Comparison | None:
    stored = StoredRun(
        parameters=BenchParameters(),
        environment=HERE,
        rounds=collect_latencies(before),
        cpu_ms_per_request={"litellm": 10},
    )
    return compare("before", stored, HERE, now, cpu or {"litellm": 12}, limit=limit)


def decide(before: list[Round], now: list[Round], *, limit: float = 10) -> Comparison:
    found = find_change(before, now, limit=limit)
    assert found is not None
    return found


def test_the_same_gateway_measured_again_is_no_alarm() -> None:
    alarms = [decide(make_rounds(n), make_rounds(n + 1000)).regressed for n in range(40)]

    assert sum(alarms) <= 1


def test_five_milliseconds_more_are_found_every_time() -> None:
    found = [decide(make_rounds(n), make_rounds(n + 1000, added=5)).regressed for n in range(40)]

    assert all(found)


def test_a_machine_that_is_slower_by_half_is_no_alarm() -> None:
    found = [decide(make_rounds(n), make_rounds(n + 1000, busy=1.5)) for n in range(20)]

    assert not any(each.regressed for each in found)
    assert all(abs(each.change_percent) < 10 for each in found)


def test_the_same_runs_have_the_same_verdict() -> None:
    before, now = make_rounds(1), make_rounds(2)

    assert decide(before, now) == decide(before, now)


def test_a_faster_gateway_is_no_alarm_and_shows_its_gain() -> None:
    found = decide(make_rounds(1, added=5), make_rounds(2))

    assert not found.regressed
    assert found.change_percent < -15


def test_the_cost_of_the_processor_is_compared_beside_it() -> None:
    assert decide(make_rounds(1), make_rounds(2)).cpu_change_percent == pytest.approx(20)


def test_services_that_only_one_run_has_are_not_compared() -> None:
    found = find_change(make_rounds(1), make_rounds(2), cpu={"litellm": 12, "app": 100})

    assert found is not None
    assert found.cpu_change_percent == pytest.approx(20)


def test_runs_without_a_success_cannot_be_compared() -> None:
    assert find_change(make_rounds(1), [Round(side="gateway", latency=())]) is None


def test_a_model_of_the_gateway_is_compared_by_its_latency() -> None:
    rounds = [Round(side="gateway", latency=(10.0, 11.0, 12.0))]

    assert measure_overhead(collect_latencies(rounds)) == 10


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), factor=st.floats(0.5, 4))
def test_a_slowdown_of_everything_changes_nothing(seed: int, factor: float) -> None:
    quiet = collect_latencies(make_rounds(seed))
    slow: dict[Side, tuple[tuple[float, ...], ...]] = {
        side: tuple(tuple(20 + (v - 20) * factor for v in row) for row in rows)
        for side, rows in quiet.items()
    }

    assert measure_overhead(slow) == pytest.approx(measure_overhead(quiet), rel=0.02)
