"""The report of `bench`: what was sent, what was seen, and what it cost.

Owns the shapes. Must not know how they were measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from gatewayctl.errors import BenchRegressed, GatewayctlError, NotVerified
from gatewayctl.operations.bench.parameters import BenchParameters
from gatewayctl.settings.model import RuntimeName


@dataclass(frozen=True, slots=True, kw_only=True)
class Percentiles:
    """In milliseconds; None without a single value."""

    p50: float | None
    p95: float | None
    p99: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SideResult:
    """One side of the benchmark: all its rounds together.

    ``latency_ms`` counts from when a request was due. ``ttft_ms`` is the time to the first token of
    a stream, ``chunk_ms`` the time between two of its tokens. ``rps`` counts successes only.
    ``errors`` are numbers by kind, ``reasons`` the first words of each kind. ``distribution_ms``
    has the latencies at up to a hundred evenly spaced ranks, lowest first.
    """

    requests: int
    errors: Mapping[str, int]
    reasons: Mapping[str, str]
    error_rate: float
    rps: float
    latency_ms: Percentiles
    ttft_ms: Percentiles | None
    chunk_ms: Percentiles | None
    distribution_ms: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceCost:
    """What a service used. Processor time is without what it uses when idle.

    ``cpu_ms_per_request`` in milliseconds; ``idle_cpu_ms_per_second`` is what was subtracted.
    """

    cpu_ms_per_request: float
    idle_cpu_ms_per_second: float
    memory_end_bytes: int
    memory_peak_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadCost:
    """The benchmark's own share: processor milliseconds a request, and how busy one core was.

    ``limited``: the load generator itself was the limit, so the figures are not the gateway's.
    ``late_ms`` is the most that an open loop was behind its schedule because of it.
    """

    load_cpu_ms_per_request: float
    upstream_cpu_ms_per_request: float | None
    busiest: float
    late_ms: float
    limited: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """This run against a stored one (see docs/performance.md).

    ``baseline`` and ``now`` are overheads in yardsticks, at a low percentile; milliseconds for a
    model of the gateway's own. ``low_percent`` and ``high_percent`` bound the change, by how much
    the rounds differ. ``noisy``: they differ so much that a change near the limit would not be
    found. ``differences`` are what else is not the same: versions, settings, the machine.
    """

    against: str
    baseline: float
    now: float
    change_percent: float
    low_percent: float
    high_percent: float
    max_regression_percent: float
    regressed: bool
    noisy: bool
    cpu_change_percent: float | None
    differences: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchReport:
    """Overhead of the gateway against its upstream, its throughput, and its cost by service.

    ``direct`` and what is derived from it are None for a model of the gateway's own.
    ``overhead_ms`` is the difference of the percentiles; ``gateway_reported_ms`` is LiteLLM's own
    figure (x-litellm-overhead-duration-ms). ``cpu_ms_per_request`` and ``services`` are by service;
    ``usage_unavailable`` says why they are empty, and those in ``restarted`` are left out, because
    they were started again meanwhile. ``settle_seconds`` is how long background work
    was waited for, whose processor time is included.
    """

    runtime: RuntimeName
    parameters: BenchParameters
    seconds: float
    direct: SideResult | None
    gateway: SideResult
    overhead_ms: Percentiles | None
    ttft_overhead_ms: Percentiles | None
    chunk_overhead_ms: Percentiles | None
    gateway_reported_ms: Percentiles | None
    rps: float
    error_rate: float
    cpu_ms_per_request: Mapping[str, float]
    services: Mapping[str, ServiceCost]
    usage_unavailable: str
    settle_seconds: float
    load: LoadCost
    max_errors_percent: float = 1
    saved: Path | None = None
    plot: Path | None = None
    comparison: Comparison | None = None
    restarted: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def problem(self) -> GatewayctlError | None:
        """Too many errors, or a regression."""
        for name, side in (("the gateway", self.gateway), ("the upstream", self.direct)):
            if side is not None and side.error_rate * 100 > self.max_errors_percent:
                kinds = ", ".join(f"{count} {kind}" for kind, count in side.errors.items())
                return NotVerified(
                    f"{side.error_rate:.1%} of the requests to {name} failed: {kinds}.",
                    hint="The figures are those of the others. The reasons are above.",
                )
        found = self.comparison
        if found is not None and found.regressed:
            return BenchRegressed(
                f"The gateway is {found.change_percent:.0f} % slower than in {found.against!r}"
                f" (between {found.low_percent:.0f} and {found.high_percent:.0f} %; the limit is"
                f" {found.max_regression_percent:g} %)."
            )
        return None
