"""What a benchmark sends: the parameters that two runs must share to be comparable.

Owns their defaults and their checks. Must not know gateways.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from gatewayctl.errors import UsageProblem

DEFAULT_REQUESTS: Final = 300
_DEFAULT_OF_CLIENT: Final = 120
_FEWEST_IN_ROUND: Final = 10
"""Of each client, whose first request in a round opens its connection; fewer have no median worth
its name.
"""
_FEWEST_AT_A_RATE: Final = 5
_SIDES: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchParameters:
    """The load, for each of the two sides: the upstream directly, and through the gateway.

    One of ``requests`` (of each side) and ``duration`` (seconds, of all rounds together) is set.
    With ``rate`` (requests per second) it is an open loop, and ``concurrency`` limits its
    connections; without, a closed loop of ``concurrency`` clients. The upstream answers after
    ``upstream_latency_ms``; a stream has ``tokens`` chunks at ``tokens_per_second``. ``model`` is
    one of the gateway's own models, which is measured without a direct side; None is the local
    upstream.
    """

    requests: int | None = None
    duration: float | None = None
    concurrency: int | None = None
    rate: float | None = None
    stream: bool = False
    rounds: int = 20
    upstream_latency_ms: float = 20
    tokens: int = 16
    tokens_per_second: float = 200
    model: str | None = None

    @property
    def warmup(self) -> int:
        """Requests before the measurement, which no figure includes."""
        return max(20, 2 * (self.concurrency or 1))


def complete_parameters(given: BenchParameters) -> BenchParameters:
    """Fill in the defaults that depend on others. Raises UsageProblem for what excludes itself."""
    if given.requests is not None and given.duration is not None:
        raise UsageProblem("--requests and --duration exclude each other.", hint="Give one.")
    concurrency = given.concurrency
    if given.rate is None and concurrency is None:
        concurrency = 1
    clients = 1 if given.rate is not None or concurrency is None else concurrency
    requests = given.requests
    if given.requests is None and given.duration is None:
        requests = max(DEFAULT_REQUESTS, _DEFAULT_OF_CLIENT * clients)
    rounds = given.rounds
    if requests is not None:
        fewest = _FEWEST_AT_A_RATE if given.rate is not None else _FEWEST_IN_ROUND * clients
        rounds = min(rounds, requests // fewest)
    elif given.rate is not None:
        sides = _SIDES if given.model is None else 1
        sent = given.rate * (given.duration or 0) / sides
        rounds = min(rounds, int(sent / _FEWEST_AT_A_RATE))
    return replace(given, requests=requests, concurrency=concurrency, rounds=max(1, rounds))


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchOptions:
    """What to do beside sending the load.

    ``save`` and ``against`` are names of stored runs. ``max_regression`` and ``max_errors`` are in
    percent. Without ``usage`` neither processor time nor memory is measured, nor waited for.
    ``consented``: the user agreed to load what may cost money or belongs to others.
    """

    save: str | None = None
    against: str | None = None
    max_regression: float = 10
    max_errors: float = 1
    plot: Path | None = None
    usage: bool = True
    consented: bool = False
