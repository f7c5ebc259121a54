from __future__ import annotations

from collections import Counter
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewayctl.errors import UsageProblem
from gatewayctl.generators import drain
from gatewayctl.operations.bench.parameters import BenchParameters, complete_parameters
from gatewayctl.operations.bench.rounds import Endpoint, Side, make_order, order_rounds, run_rounds
from gatewayctl.runtimes.metering.json_program import JsonProgram
from gatewayctl.settings.model import Secret


class Recording:
    """A load generator that answers every request at once."""

    def __init__(self) -> None:
        self.orders: list[dict[str, Any]] = []

    def ask(self, order: dict[str, Any]) -> dict[str, Any]:
        self.orders.append(order)
        samples = [[1.0, None, None, 2.0]] * (order["requests"] or 1)
        return {"samples": samples, "errors": {}, "reasons": {}, "late_ms": 0.0,
                "seconds": 1.0, "cpu_seconds": 0.1}  # fmt: skip


def test_each_side_is_as_often_first_second_and_last() -> None:
    order = order_rounds(12)

    for place in range(3):
        assert set(Counter(order[place::3]).values()) == {4}


@given(requests=st.integers(1, 2000), rounds=st.integers(1, 50), clients=st.integers(1, 64))
def test_the_rounds_together_send_exactly_what_was_asked(
    requests: int, rounds: int, clients: int
) -> None:
    parameters = complete_parameters(
        BenchParameters(requests=requests, rounds=rounds, concurrency=clients)
    )
    endpoints: dict[Side, Endpoint] = {
        side: Endpoint(url=side, model="m") for side in ("direct", "yardstick", "gateway")
    }
    load = Recording()

    found = drain(run_rounds(cast("JsonProgram", load), parameters, endpoints, lambda: None))

    sent = Counter[str]()
    for each in found:
        sent[each.side] += each.sent
    assert set(sent.values()) == {requests}
    assert parameters.rounds <= rounds


def test_a_duration_is_shared_by_all_rounds() -> None:
    parameters = complete_parameters(BenchParameters(duration=30, rounds=5))
    endpoints: dict[Side, Endpoint] = {
        side: Endpoint(url=side, model="m") for side in ("direct", "yardstick", "gateway")
    }
    load = Recording()

    drain(run_rounds(cast("JsonProgram", load), parameters, endpoints, lambda: None))

    assert sum(order["seconds"] for order in load.orders) == pytest.approx(30)


def test_a_request_is_attributed_to_bench_and_never_answered_by_a_cache() -> None:
    endpoint = Endpoint(url="http://x/v1/chat/completions", model="m", key=Secret("sk-12345678"))

    order = make_order(endpoint, BenchParameters(stream=True), requests=1, seconds=None)

    assert order["body"]["metadata"]["component"] == "bench"
    assert order["body"]["cache"]["no-cache"] is True
    assert order["body"]["stream"] is True
    assert order["headers"]["Authorization"] == "Bearer sk-12345678"


def test_requests_and_duration_exclude_each_other() -> None:
    with pytest.raises(UsageProblem, match="exclude"):
        complete_parameters(BenchParameters(requests=1, duration=1))


@pytest.mark.parametrize(
    ("given", "requests", "rounds"),
    [
        (BenchParameters(), 300, 20),
        (BenchParameters(concurrency=16), 1920, 12),
        (BenchParameters(concurrency=16, requests=300), 300, 1),
        (BenchParameters(requests=24, rounds=4), 24, 2),
        (BenchParameters(rate=1, concurrency=8), 300, 20),
        (BenchParameters(rate=1, duration=60), None, 4),
        (BenchParameters(rate=1, duration=60, model="demo"), None, 12),
        (BenchParameters(rate=0.1, duration=1), None, 1),
    ],
)
def test_a_round_has_enough_requests_for_a_median(
    given: BenchParameters, requests: int | None, rounds: int
) -> None:
    found = complete_parameters(given)

    assert (found.requests, found.rounds) == (requests, rounds)


def test_without_options_it_is_a_closed_loop_of_one_client() -> None:
    found = complete_parameters(BenchParameters())

    assert (found.rate, found.requests, found.concurrency) == (None, 300, 1)
    assert complete_parameters(BenchParameters(rate=5)).concurrency is None
