from __future__ import annotations

from collections.abc import Mapping

import pytest

from gatewayctl.generators import drain
from gatewayctl.operations.bench.measure import Measured
from gatewayctl.operations.bench.settle import Settled, wait_until_quiet
from gatewayctl.operations.bench.summary import find_restarted, summarize_services
from gatewayctl.runtimes.metering.base import ServiceUsage
from tests.fakes.clock import FakeClock


class FakeMeter:
    """One service that uses ``idle`` cores, and more while it works."""

    host = "127.0.0.1"
    addresses: tuple[str, ...] = ("127.0.0.1",)
    unavailable = ""

    def __init__(self, clock: FakeClock, *, idle: float) -> None:
        self._clock, self._start, self._idle = clock, clock(), idle
        self._work = (0.0, 0.0, 0.0)

    def add_work(self, *, start: float, end: float, cores: float) -> None:
        self._work = (start, end, cores)

    def read(self) -> Mapping[str, ServiceUsage]:
        passed = self._clock() - self._start
        start, end, cores = self._work
        used = passed * self._idle + max(min(passed, end) - start, 0) * cores
        return {"litellm": ServiceUsage(cpu_seconds=used, memory_bytes=100)}


def test_a_quiet_stack_is_waited_for_as_long_as_spend_logs_may_take() -> None:
    clock = FakeClock()
    meter = FakeMeter(clock, idle=0.02)

    found = drain(wait_until_quiet(meter, "x", clock=clock, sleep=clock.sleep))

    assert found.seconds == pytest.approx(15)
    assert found.idle["litellm"] == pytest.approx(0.02)


def test_work_that_goes_on_is_waited_for() -> None:
    clock = FakeClock()
    meter = FakeMeter(clock, idle=0.02)
    # A pause of the work, such as between two batches, is the quietest moment that is known.
    meter.add_work(start=6, end=40, cores=0.5)

    found = drain(wait_until_quiet(meter, "x", clock=clock, sleep=clock.sleep))

    assert 40 <= found.seconds <= 46
    assert found.idle["litellm"] == pytest.approx(0.02, abs=0.03)


def test_spend_logs_that_are_written_every_minute_are_waited_for() -> None:
    clock = FakeClock()
    meter = FakeMeter(clock, idle=0)

    found = drain(wait_until_quiet(meter, "x", delay=65, clock=clock, sleep=clock.sleep))

    assert found.seconds == pytest.approx(65, abs=1)


def test_it_does_not_wait_for_ever() -> None:
    clock = FakeClock()
    meter = FakeMeter(clock, idle=0)
    meter.add_work(start=6, end=1000, cores=0.5)

    found = drain(wait_until_quiet(meter, "x", clock=clock, sleep=clock.sleep))

    assert found.seconds == pytest.approx(90)


def test_a_request_costs_what_was_used_beyond_idling() -> None:
    clock = FakeClock()
    meter = FakeMeter(clock, idle=0.1)
    before = drain(wait_until_quiet(meter, "x", clock=clock, sleep=clock.sleep))
    used = before.usage["litellm"].cpu_seconds + 5.0 + 10 * 0.1
    after = type(before)(
        usage={"litellm": ServiceUsage(cpu_seconds=used, memory_bytes=300)},
        idle=before.idle,
        seconds=15,
    )
    between = before.usage["litellm"].cpu_seconds + 1
    looks = ({"litellm": ServiceUsage(cpu_seconds=between, memory_bytes=400)},)
    measured = Measured(rounds=(), seconds=0, before=before, after=after, between=10, looks=looks)

    found = summarize_services(measured, 100)

    cost = found["litellm"]
    assert cost.cpu_ms_per_request == pytest.approx(50)
    assert cost.idle_cpu_ms_per_second == pytest.approx(100)
    assert (cost.memory_end_bytes, cost.memory_peak_bytes) == (300, 400)


@pytest.mark.parametrize("readings", [(100, 2, 8), (3, 2, 8), (100, 102, 8)])
def test_a_service_that_was_started_again_has_no_cost(readings: tuple[float, ...]) -> None:
    """Its counter begins again, also where it ends above what it was before."""
    first, middle, last = (
        {"litellm": ServiceUsage(cpu_seconds=each, memory_bytes=1)} for each in readings
    )
    before, after = (Settled(usage=usage, idle={}, seconds=15) for usage in (first, last))
    measured = Measured(
        rounds=(), seconds=0, before=before, after=after, between=10, looks=(middle,)
    )

    assert summarize_services(measured, 100) == {}
    assert find_restarted(measured) == ("litellm",)
