"""The interleaved rounds: direct, yardstick, gateway, and so on in a balanced order.

What else the machine does then falls on all sides alike. The yardstick is the upstream with a fixed
amount of work in Python before its answer: on a busy machine it gets slower as a gateway does, so
that runs at different times can be compared. Owns the order, the requests, and the values of each
round. Must not know what they mean.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from itertools import permutations
from typing import Any, Final, Literal

from gatewayctl.client.calls import component_call
from gatewayctl.gateway.models import AS_CALLED
from gatewayctl.operations.bench.parameters import BenchParameters
from gatewayctl.runtimes.base import Progress
from gatewayctl.runtimes.metering.json_program import JsonProgram
from gatewayctl.settings.model import Secret

Side = Literal["direct", "yardstick", "gateway"]
SIDES: Final[tuple[Side, ...]] = ("direct", "yardstick", "gateway")
COMPONENT: Final = "bench"
TIMEOUT: Final = 60.0
"""Seconds for a whole answer. What takes longer is an error of its own kind."""
YARDSTICK_WORK: Final = 20
"""Units of the upstream's work; about 4 ms of processor time on a machine of 2026."""
_PROMPT: Final = "Answer with a few words: what does a gateway do?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where one side sends its requests. ``pem`` are authorities to trust for https."""

    url: str
    model: str
    key: Secret | None = None
    pem: str | None = None
    work: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What one side saw in one round; times in milliseconds, sorted as they came."""

    side: Side
    latency: tuple[float, ...]
    ttft: tuple[float, ...] = ()
    chunk: tuple[float, ...] = ()
    reported: tuple[float, ...] = ()
    errors: Mapping[str, int] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    late_ms: float = 0.0

    @property
    def sent(self) -> int:
        return len(self.latency) + sum(self.errors.values())


def order_rounds(rounds: int) -> tuple[Side, ...]:
    """The sides in a balanced order: each is as often first as last, and after each other."""
    orders = tuple(permutations(SIDES))
    return tuple(side for number in range(rounds) for side in orders[number % len(orders)])


def run_rounds(
    load: JsonProgram,
    parameters: BenchParameters,
    endpoints: Mapping[Side, Endpoint],
    after_load: Callable[[], None],
) -> Generator[Progress, None, tuple[Round, ...]]:
    """Send every round. Raises RuntimeProblem.

    ``after_load`` is called after each round through the gateway, while nothing is sent.
    """
    sides = [side for side in order_rounds(parameters.rounds) if side in endpoints]
    found: list[Round] = []
    for number, side in enumerate(sides):
        yield Progress(
            subject="rounds",
            state="working",
            detail=f"{number + 1} of {len(sides)}: {side}",
            fraction=number / len(sides),
        )
        share = _share(parameters, number // len(endpoints), len(sides))
        found.append(send_round(load, side, make_order(endpoints[side], parameters, **share)))
        if side == "gateway":
            after_load()
    yield Progress(subject="rounds", state="ready", detail=f"{sum(r.sent for r in found)} requests")
    return tuple(found)


def _share(parameters: BenchParameters, pair: int, rounds: int) -> dict[str, Any]:
    """The part of the load that falls on one round; what is left over goes to the first ones."""
    if parameters.requests is not None:
        each, left = divmod(parameters.requests, parameters.rounds)
        return {"requests": each + (pair < left), "seconds": None}
    return {"requests": None, "seconds": (parameters.duration or 0.0) / rounds}


def make_order(
    endpoint: Endpoint,
    parameters: BenchParameters,
    *,
    requests: int | None,
    seconds: float | None,
) -> dict[str, Any]:
    """The order for the load generator, as data."""
    key = {} if endpoint.key is None else {"Authorization": f"Bearer {endpoint.key.reveal()}"}
    streamed = {"stream": True, "stream_options": {"include_usage": True}}
    return {
        "url": endpoint.url,
        "headers": {"User-Agent": "gatewayctl", **key},
        "body": {
            "model": endpoint.model,
            "messages": [{"role": "user", "content": _PROMPT}],
            "max_tokens": parameters.tokens,
            **(streamed if parameters.stream else {}),
            **AS_CALLED,
            **({"work": endpoint.work} if endpoint.work else {}),
            **component_call(COMPONENT, "load")["extra_body"],
        },
        "pem": endpoint.pem,
        "requests": requests,
        "seconds": seconds,
        "concurrency": parameters.concurrency,
        "rate": parameters.rate,
        "timeout": TIMEOUT,
    }


def send_round(load: JsonProgram, side: Side, order: Mapping[str, Any]) -> Round:
    """Send one round and return what the load generator saw."""
    body = load.ask(order)
    columns = list(zip(*body["samples"], strict=True)) or [(), (), (), ()]
    latency, ttft, chunk, reported = (
        tuple(value for value in column if value is not None) for column in columns
    )
    return Round(
        side=side,
        latency=latency,
        ttft=ttft,
        chunk=chunk,
        reported=reported,
        errors=body["errors"],
        reasons=body["reasons"],
        seconds=body["seconds"],
        cpu_seconds=body["cpu_seconds"],
        late_ms=body["late_ms"],
    )


def count_errors(rounds: tuple[Round, ...]) -> dict[str, int]:
    """The errors of several rounds by kind, the most frequent first."""
    total: Counter[str] = Counter()
    for each in rounds:
        total.update(each.errors)
    return dict(total.most_common())
