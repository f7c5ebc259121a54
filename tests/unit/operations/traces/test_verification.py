from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from gatewayctl.errors import UsageProblem
from gatewayctl.gateway.client import GatewayClient
from gatewayctl.operations.traces.verification import (
    GRACE,
    QUIET,
    TraceVerification,
    wait_for_verification,
)
from gatewayctl.operations.traces.verify import parse_trace_id
from gatewayctl.settings.model import Settings
from gatewayctl.tracing.spans import Span
from tests.fakes.answers import refuse_connection
from tests.fakes.clock import FakeClock
from tests.fakes.driving import report_of
from tests.fakes.litellm import FakeLiteLLM, served
from tests.fakes.projects import MASTER_KEY, project
from tests.unit.gateway.test_spend import page, row
from tests.unit.tracing.test_verify import CLIENT, EXPECTED, LLM, TRACE, WHOLE

SPANS = "/v1/projects/gateway/spans"


def as_row(span: Span) -> dict[str, Any]:
    return {
        "context": {"trace_id": span.trace_id, "span_id": span.span_id},
        "parent_id": span.parent_id,
        "name": span.name,
        "span_kind": span.kind,
        "status_code": span.status,
        "attributes": dict(span.attributes),
        "start_time": span.start.isoformat(),
        "end_time": span.end.isoformat(),
    }


@dataclass(kw_only=True)
class World:
    """Phoenix and LiteLLM at a clock's time: what arrives when, and whether probes do."""

    clock: FakeClock
    spans: dict[float, tuple[Span, ...]]
    logged_at: float = 0
    probes_arrive: bool = True
    phoenix_away: bool = False
    probes: list[str] = field(default_factory=list)

    def phoenix(self, request: httpx.Request) -> httpx.Response:
        if self.phoenix_away:
            return refuse_connection()
        asked = request.url.params.get("trace_id")
        came = [span for at, spans in self.spans.items() if self.passed >= at for span in spans]
        found = came if asked == TRACE else []
        if asked in self.probes and self.probes_arrive:
            found = [CLIENT]
        headers = {"x-phoenix-server-version": "20"}
        return httpx.Response(200, headers=headers, json={"data": [as_row(s) for s in found]})

    def ledger(self, _: httpx.Request) -> httpx.Response:
        own = row("call-1", session_id=TRACE, request_tags=["component:passthrough", "op:chat"])
        return page(*([own] if self.passed >= self.logged_at else []))

    def probe(self, request: httpx.Request) -> httpx.Response:
        self.probes.append(request.headers["traceparent"].split("-")[1])
        return httpx.Response(200, json={"data": []})

    @property
    def passed(self) -> float:
        return self.clock.now - 1000


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return project(tmp_path, env=f"LITELLM_MASTER_KEY={MASTER_KEY}\n")


@pytest.fixture
def fake() -> FakeLiteLLM:
    return FakeLiteLLM()


@pytest.fixture
def gateway(fake: FakeLiteLLM) -> Iterator[GatewayClient]:
    with served(fake) as client:
        yield client


def proven(
    settings: Settings,
    gateway: GatewayClient,
    fake: FakeLiteLLM,
    world: World,
    *,
    timeout: float = 30,
    fresh: bool = True,
) -> TraceVerification:
    fake.planted |= {
        SPANS: world.phoenix,
        "/spend/logs/v2": world.ledger,
        "/v1/models": world.probe,
    }
    return report_of(
        wait_for_verification(
            settings,
            gateway,
            TRACE,
            lambda _spans, _logs: EXPECTED,
            timeout=timeout,
            fresh=fresh,
            clock=world.clock,
            sleep=world.clock.sleep,
            now=lambda: datetime(2026, 11, 23, 13, tzinfo=UTC),
        )
    )


def test_a_whole_trace_is_verified_when_nothing_more_has_come(
    settings: Settings, gateway: GatewayClient, fake: FakeLiteLLM
) -> None:
    world = World(clock=FakeClock(), spans={0.5: WHOLE[:2], 1.0: WHOLE[2:]}, logged_at=2)

    proof = proven(settings, gateway, fake, world)

    assert (proof.verdict, proof.verified, proof.problem) == ("verified", True, None)
    assert proof.visible_after == pytest.approx(1.0)
    assert proof.ledger_after == pytest.approx(2.0, abs=1)
    assert world.passed >= 1.0 + QUIET
    assert world.probes == []


def test_a_second_model_span_that_comes_a_moment_later_is_seen(
    settings: Settings, gateway: GatewayClient, fake: FakeLiteLLM
) -> None:
    from dataclasses import replace

    late = replace(LLM, span_id="again")
    world = World(clock=FakeClock(), spans={0: WHOLE, QUIET / 2: (late,)})

    proof = proven(settings, gateway, fake, world)

    assert (proof.verdict, proof.problem and proof.problem.exit_code) == ("not_verified", 7)


def test_what_is_missing_while_newer_spans_are_there_is_lost(
    settings: Settings, gateway: GatewayClient, fake: FakeLiteLLM
) -> None:
    world = World(clock=FakeClock(), spans={0: (CLIENT,)})

    proof = proven(settings, gateway, fake, world, timeout=5)

    assert proof.verdict == "not_verified"
    assert proof.problem is not None
    assert "one_llm_span_per_call" in proof.problem.message


def test_what_is_missing_while_nothing_newer_is_there_is_unknown(
    settings: Settings, gateway: GatewayClient, fake: FakeLiteLLM
) -> None:
    world = World(clock=FakeClock(), spans={0: (CLIENT,)}, probes_arrive=False)

    proof = proven(settings, gateway, fake, world, timeout=5)

    assert (proof.verdict, proof.verified) == ("unknown", None)
    assert proof.problem is not None
    assert (proof.problem.code, proof.problem.exit_code) == ("trace_unknown", 5)
    assert world.passed == pytest.approx(5 + GRACE, abs=1)


def test_what_comes_while_the_probe_is_under_way_was_not_lost(
    settings: Settings, gateway: GatewayClient, fake: FakeLiteLLM
) -> None:
    world = World(clock=FakeClock(), spans={0: (CLIENT,), 5.5: WHOLE[1:]}, probes_arrive=False)

    proof = proven(settings, gateway, fake, world, timeout=5)

    assert proof.verdict == "verified"


def test_a_phoenix_that_is_away_makes_it_unknown(
    settings: Settings, gateway: GatewayClient, fake: FakeLiteLLM
) -> None:
    world = World(clock=FakeClock(), spans={}, phoenix_away=True)

    proof = proven(settings, gateway, fake, world, timeout=2)

    assert proof.verdict == "unknown"
    assert proof.problem is not None
    assert proof.problem.code == "phoenix_unreachable"
    assert world.probes == []


@pytest.mark.parametrize(("timeout", "verdict"), [(5, "unknown"), (30, "not_verified")])
def test_a_spend_log_is_given_the_time_that_litellm_may_take(
    settings: Settings, gateway: GatewayClient, fake: FakeLiteLLM, timeout: float, verdict: str
) -> None:
    world = World(clock=FakeClock(), spans={0: WHOLE}, logged_at=1000)

    assert proven(settings, gateway, fake, world, timeout=timeout).verdict == verdict


def test_of_a_trace_of_the_past_a_missing_spend_log_is_missing_for_good(
    settings: Settings, gateway: GatewayClient, fake: FakeLiteLLM
) -> None:
    world = World(clock=FakeClock(), spans={0: WHOLE}, logged_at=1000)

    proof = proven(settings, gateway, fake, world, timeout=2, fresh=False)

    assert (proof.verdict, proof.visible_after) == ("not_verified", None)


def test_without_the_master_key_the_ledger_is_unknown(
    tmp_path: Path, gateway: GatewayClient, fake: FakeLiteLLM
) -> None:
    world = World(clock=FakeClock(), spans={0: WHOLE})

    proof = proven(project(tmp_path / "bare"), gateway, fake, world, timeout=2)

    assert proof.verdict == "unknown"
    assert "LITELLM_MASTER_KEY" in (proof.reason or "")


@pytest.mark.parametrize("text", ["", "abc", "0" * 32, "g" * 32, "a" * 31, "a" * 33])
def test_what_is_no_trace_id_is_refused(text: str) -> None:
    with pytest.raises(UsageProblem, match="Invalid trace id"):
        parse_trace_id(text)


def test_a_trace_id_may_be_pasted_as_it_is_found() -> None:
    assert parse_trace_id(f" 0x{TRACE.upper()} ") == TRACE
