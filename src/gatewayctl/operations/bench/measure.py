"""One measurement: create what it needs, warm up, wait, send the rounds, wait, remove.

Owns the order of these, and that nothing stays behind. Must not know figures or stored runs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from gatewayctl.errors import GatewayRefused
from gatewayctl.operations.bench.parameters import BenchParameters
from gatewayctl.operations.bench.rounds import (
    YARDSTICK_WORK,
    Endpoint,
    Round,
    Side,
    make_order,
    run_rounds,
    send_round,
)
from gatewayctl.operations.bench.settle import Settled, Usages, wait_until_quiet
from gatewayctl.operations.bench.temporary import temporary_key, temporary_model
from gatewayctl.operations.bench.workers import start_load, start_upstream
from gatewayctl.operations.traces.spend_log_times import find_spend_log_delay
from gatewayctl.rendering.ca_bundle import read_certificates
from gatewayctl.runtimes.base import Progress
from gatewayctl.runtimes.metering.base import Meter
from gatewayctl.runtimes.metering.json_program import JsonProgram
from gatewayctl.settings.model import LOOPBACK, Secret, Settings

if TYPE_CHECKING:
    from gatewayctl.gateway.client import GatewayClient

_PATH: Final = "/v1/chat/completions"
_KNOWN_EVERYWHERE: Final = 45.0
"""Seconds. LiteLLM's other workers read new models from the database every 30 s."""
_PAUSE: Final = 2.0
_NOT_ASKED: Final = "it was not asked for (--no-usage)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The rounds and what lay around them.

    ``before`` and ``after`` are the quiet moments around the rounds, ``between`` seconds apart, and
    ``looks`` the readings after each round; None and empty if usage is not measured, for the reason
    ``usage_unavailable``. ``upstream``: processor seconds and requests of the local upstream.
    """

    rounds: tuple[Round, ...]
    seconds: float
    before: Settled | None = None
    after: Settled | None = None
    between: float = 0.0
    looks: tuple[Usages, ...] = ()
    usage_unavailable: str = ""
    upstream: Mapping[str, float] | None = None


@dataclass(slots=True, kw_only=True)
class Measurement:
    """What to measure, and with what."""

    settings: Settings
    gateway: GatewayClient
    parameters: BenchParameters
    meter: Meter
    usage: bool = True
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    looks: list[Usages] = field(default_factory=list)

    @property
    def usage_unavailable(self) -> str:
        return self.meter.unavailable if self.usage else _NOT_ASKED

    def run(self, master: Secret) -> Generator[Progress, None, Measured]:
        """Measure once. Raises RuntimeProblem, GatewayRefused and what the gateway raises."""
        start = self.clock()
        with ExitStack() as stack:
            upstream, endpoints = self._open_endpoints(master, stack)
            # The last one, so that it ends first: no load disturbs the removal of the others.
            load = stack.enter_context(start_load())
            yield from self._warm_up(load, endpoints)
            before = yield from self._settle("quiet before")
            began, first = self.clock(), _ask(upstream)
            rounds = yield from run_rounds(load, self.parameters, endpoints, self._look)
            last = _ask(upstream)
            after = yield from self._settle("quiet after")
            return Measured(
                rounds=rounds,
                seconds=self.clock() - start,
                before=before,
                after=after,
                between=self.clock() - began,
                looks=tuple(self.looks),
                usage_unavailable=self.usage_unavailable,
                upstream={name: last[name] - first[name] for name in last},
            )

    def _open_endpoints(
        self, master: Secret, stack: ExitStack
    ) -> tuple[JsonProgram | None, dict[Side, Endpoint]]:
        """Start the upstream and create model and key; for a model of the gateway the key alone."""
        project, parameters = self.settings.project_name, self.parameters
        pem = read_certificates(self.settings) if self.settings.ca_bundle else None
        upstream, model = None, parameters.model
        endpoints: dict[Side, Endpoint] = {}
        if model is None:
            upstream, port = stack.enter_context(
                start_upstream(
                    self.meter.addresses,
                    latency_ms=parameters.upstream_latency_ms,
                    tokens=parameters.tokens,
                    tokens_per_second=parameters.tokens_per_second,
                )
            )
            base = f"http://{self.meter.host}:{port}/v1"
            model = stack.enter_context(temporary_model(self.gateway, master, project, base))
            direct = Endpoint(url=f"http://{LOOPBACK}:{port}{_PATH}", model=model)
            endpoints["direct"] = direct
            endpoints["yardstick"] = replace(direct, work=YARDSTICK_WORK)
        key = stack.enter_context(temporary_key(self.gateway, master, project, model))
        url = f"{self.settings.gateway_url}{_PATH}"
        endpoints["gateway"] = Endpoint(url=url, model=model, key=key, pem=pem)
        return upstream, endpoints

    def _warm_up(
        self, load: JsonProgram, endpoints: Mapping[Side, Endpoint]
    ) -> Generator[Progress, None, None]:
        """Call each side until a whole batch succeeds. Raises GatewayRefused."""
        until = self.clock() + _KNOWN_EVERYWHERE
        for side, endpoint in endpoints.items():
            yield Progress(subject="warm-up", state="working", detail=side)
            order = make_order(
                endpoint, self.parameters, requests=self.parameters.warmup, seconds=None
            )
            while (found := send_round(load, side, _as_closed_loop(order))).errors:
                # Only a new model may be unknown for a while; another one may cost money.
                if self.parameters.model is not None and found.latency:
                    break
                is_given = self.parameters.model is not None
                if is_given or "status_401" in found.errors or self.clock() >= until:
                    raise _explain_failure(side, found)
                self.sleep(_PAUSE)
        yield Progress(subject="warm-up", state="ready")

    def _settle(self, subject: str) -> Generator[Progress, None, Settled | None]:
        if self.usage_unavailable:
            return None
        found = yield from wait_until_quiet(
            self.meter,
            subject,
            delay=find_spend_log_delay(self.settings),
            clock=self.clock,
            sleep=self.sleep,
        )
        yield Progress(subject=subject, state="ready")
        return found

    def _look(self) -> None:
        if not self.usage_unavailable:
            self.looks.append(self.meter.read())


def _ask(upstream: JsonProgram | None) -> dict[str, float]:
    return {} if upstream is None else upstream.ask({})


def _as_closed_loop(order: dict[str, Any]) -> dict[str, Any]:
    """An order without a rate: it would flood a gateway that is cold."""
    return {**order, "rate": None, "concurrency": order["concurrency"] or 4}


def _explain_failure(side: Side, found: Round) -> GatewayRefused:
    kind, reason = next(iter(found.reasons.items()))
    return GatewayRefused(
        f"The {side} side of the benchmark fails already while it is warmed up ({kind}): {reason}",
        hint="See `gatewayctl logs litellm`. In Docker, a firewall of this machine may keep"
        " containers from the local upstream.",
    )
