from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from gatewayctl.errors import UsageProblem
from gatewayctl.gateway.client import GatewayClient
from gatewayctl.operations.state.audit import record_verb
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
from tests.fakes.phoenix import SPANS, SPEND_LOGS, spans_page
from tests.fakes.projects import MASTER_KEY, project
from tests.fakes.traces import BEGIN, CLIENT, COMPLETE, EXPECTED, LLM, TRACE, as_row
from tests.unit.gateway.test_spend import page, row


@dataclass(kw_only=True)
class World:
    """Phoenix and LiteLLM, driven by a clock.

    ``spans`` by the second they arrive in Phoenix, ``logged_at`` the same for the spend log.
    """

    clock: FakeClock
    spans: dict[float, tuple[Span, ...]]
    logged_at: float = 0
    probes_arrive: bool = True
    phoenix_down: bool = False
    probes: list[str] = field(default_factory=list)

    def phoenix(self, request: httpx.Request) -> httpx.Response:
        if self.phoenix_down:
            return refuse_connection()
        trace_id = request.url.params.get("trace_id")
        arrived = [span for at, spans in self.spans.items() if self.elapsed >= at for span in spans]
        found = arrived if trace_id == TRACE else []
        if trace_id in self.probes and self.probes_arrive:
            found = [CLIENT]
        return spans_page(*map(as_row, found))

    def spend_logs(self, _: httpx.Request) -> httpx.Response:
        log = row("call-1", session_id=TRACE, request_tags=["component:passthrough", "op:chat"])
        return page(*([log] if self.elapsed >= self.logged_at else []))

    def probe(self, request: httpx.Request) -> httpx.Response:
        self.probes.append(request.headers["traceparent"].split("-")[1])
        return httpx.Response(200, json={"data": []})

    @property
    def elapsed(self) -> float:
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


def run_verification(
    settings: Settings,
    gateway: GatewayClient,
    fake: FakeLiteLLM,
    world: World,
    *,
    timeout: float | None = 30,
    fresh: bool = True,
    age: timedelta = timedelta(hours=1),
) -> TraceVerification:
    fake.planted |= {
        SPANS: world.phoenix,
        SPEND_LOGS: world.spend_logs,
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
            now=lambda: BEGIN + age + timedelta(seconds=world.elapsed),
        )
    )


def test_a_complete_trace_is_verified_once_no_more_spans_arrive(
    settings: Settings, gateway: GatewayClient, fake: FakeLiteLLM
) -> None:
    world = World(clock=FakeClock(), spans={0.5: COMPLETE[:2], 1.0: COMPLETE[2:]}, logged_at=2)

    result = run_verification(settings, gateway, fake, world)

    assert (result.verdict, result.verified, result.problem) == ("verified", True, None)
    assert result.visible_after == pytest.approx(1.0)
    assert result.ledger_after == pytest.approx(2.0, abs=1)
    assert world.elapsed >= 1.0 + QUIET
    assert world.probes == []


def test_a_second_model_span_that_arrives_a_moment_later_is_detected(
    settings: Settings, gateway: GatewayClient, fake: FakeLiteLLM
) -> None:
    late = replace(LLM, span_id="again")
    world = World(clock=FakeClock(), spans={0: COMPLETE, QUIET / 2: (late,)})

    result = run_verification(settings, gateway, fake, world)

    assert (result.verdict, result.problem and result.problem.exit_code) == ("not_verified", 7)


def test_a_missing_span_is_lost_if_newer_spans_have_arrived(
    settings: Settings, gateway: GatewayClient, fake: FakeLiteLLM
) -> None:
    world = World(clock=FakeClock(), spans={0: (CLIENT,)})

    result = run_verification(settings, gateway, fake, world, timeout=5)

    assert result.verdict == "not_verified"
    assert result.problem is not None
    assert "one_llm_span_per_call" in result.problem.message


def test_a_missing_span_is_unknown_if_no_newer_span_has_arrived(
    settings: Settings, gateway: GatewayClient, fake: FakeLiteLLM
) -> None:
    world = World(clock=FakeClock(), spans={0: (CLIENT,)}, probes_arrive=False)

    result = run_verification(settings, gateway, fake, world, timeout=5)

    assert (result.verdict, result.verified) == ("unknown", None)
    assert result.problem is not None
    assert (result.problem.code, result.problem.exit_code) == ("trace_unknown", 5)
    assert world.elapsed == pytest.approx(5 + GRACE, abs=1)


def test_spans_that_arrive_while_waiting_for_the_probe_are_not_lost(
    settings: Settings, gateway: GatewayClient, fake: FakeLiteLLM
) -> None:
    world = World(clock=FakeClock(), spans={0: (CLIENT,), 5.5: COMPLETE[1:]}, probes_arrive=False)

    result = run_verification(settings, gateway, fake, world, timeout=5)

    assert result.verdict == "verified"


def test_if_phoenix_does_not_answer_the_verdict_is_unknown(
    settings: Settings, gateway: GatewayClient, fake: FakeLiteLLM
) -> None:
    world = World(clock=FakeClock(), spans={}, phoenix_down=True)

    result = run_verification(settings, gateway, fake, world, timeout=2)

    assert result.verdict == "unknown"
    assert result.problem is not None
    assert result.problem.code == "phoenix_unreachable"
    assert world.probes == []


@pytest.mark.parametrize(("timeout", "verdict"), [(5, "unknown"), (30, "not_verified")])
def test_a_missing_spend_log_is_unknown_until_litellm_must_have_written_it(
    settings: Settings, gateway: GatewayClient, fake: FakeLiteLLM, timeout: float, verdict: str
) -> None:
    world = World(clock=FakeClock(), spans={0: COMPLETE}, logged_at=1000)

    assert run_verification(settings, gateway, fake, world, timeout=timeout).verdict == verdict


@pytest.fixture
def slow(tmp_path: Path) -> Settings:
    """A project whose LiteLLM writes spend logs once a minute."""
    text = "litellm: {general_settings: {proxy_batch_write_at: 60}}"
    return project(tmp_path / "slow", text, env=f"LITELLM_MASTER_KEY={MASTER_KEY}\n")


@pytest.mark.parametrize("fresh", [True, False])
@pytest.mark.parametrize(("logged_at", "verdict"), [(60, "verified"), (1000, "not_verified")])
def test_without_a_timeout_a_spend_log_is_awaited_as_long_as_litellm_may_take(
    slow: Settings,
    gateway: GatewayClient,
    fake: FakeLiteLLM,
    logged_at: float,
    verdict: str,
    fresh: bool,
) -> None:
    world = World(clock=FakeClock(), spans={0: COMPLETE}, logged_at=logged_at)
    age = timedelta(seconds=5)

    result = run_verification(slow, gateway, fake, world, timeout=None, fresh=fresh, age=age)

    assert result.verdict == verdict


def test_a_spend_log_that_litellm_may_not_have_written_yet_is_not_lost(
    slow: Settings, gateway: GatewayClient, fake: FakeLiteLLM
) -> None:
    world = World(clock=FakeClock(), spans={0: COMPLETE}, logged_at=1000)

    result = run_verification(slow, gateway, fake, world)

    assert result.verdict == "unknown"
    assert "up to 65 s after the call" in (result.reason or "")


def test_a_trace_is_past_only_once_its_spend_log_must_be_there(
    slow: Settings, gateway: GatewayClient, fake: FakeLiteLLM
) -> None:
    world = World(clock=FakeClock(), spans={0: COMPLETE}, logged_at=3)

    result = run_verification(
        slow, gateway, fake, world, timeout=None, fresh=False, age=timedelta(seconds=62)
    )

    assert result.verdict == "verified"


def test_a_missing_spend_log_of_a_past_trace_is_lost(
    settings: Settings, gateway: GatewayClient, fake: FakeLiteLLM
) -> None:
    world = World(clock=FakeClock(), spans={0: COMPLETE}, logged_at=1000)

    result = run_verification(settings, gateway, fake, world, timeout=2, fresh=False)

    assert (result.verdict, result.visible_after) == ("not_verified", None)


def retaining(folder: Path, text: str) -> Settings:
    return project(folder, f"retention: {text}", env=f"LITELLM_MASTER_KEY={MASTER_KEY}\n")


@pytest.mark.parametrize(
    ("age", "verdict"),
    [(timedelta(days=8), "unknown"), (timedelta(days=6), "not_verified")],
)
def test_a_spend_log_that_the_retention_has_deleted_is_unknown(
    tmp_path: Path, gateway: GatewayClient, fake: FakeLiteLLM, age: timedelta, verdict: str
) -> None:
    settings = retaining(tmp_path / "retaining", "{spend_logs: 7d}")
    world = World(clock=FakeClock(), spans={0: COMPLETE}, logged_at=1000)

    result = run_verification(settings, gateway, fake, world, fresh=False, age=age)

    assert (result.verdict, result.logs_deleted) == (verdict, verdict == "unknown")
    assert ("deleted by retention, after 7d" in (result.reason or "")) == result.logs_deleted
    assert result.problem is not None
    assert ("trace show" in (result.problem.hint or "")) == result.logs_deleted


def test_a_wrong_span_is_found_without_its_deleted_spend_log(
    tmp_path: Path, gateway: GatewayClient, fake: FakeLiteLLM
) -> None:
    settings = retaining(tmp_path / "retaining", "{spend_logs: 7d}")
    other = replace(LLM, attributes={**LLM.attributes, "metadata.component": "other"})
    world = World(clock=FakeClock(), spans={0: (*COMPLETE[:-1], other)}, logged_at=1000)

    result = run_verification(settings, gateway, fake, world, fresh=False, age=timedelta(days=8))

    assert result.verdict == "not_verified"
    assert {check.name for check in result.checks if check.state == "failed"} == {"component"}


def test_a_trace_that_lacks_nothing_is_verified_however_old_it_is(
    tmp_path: Path, gateway: GatewayClient, fake: FakeLiteLLM
) -> None:
    settings = retaining(tmp_path / "retaining", "{spend_logs: 7d}")
    world = World(clock=FakeClock(), spans={0: COMPLETE})

    result = run_verification(settings, gateway, fake, world, fresh=False, age=timedelta(days=8))

    assert (result.verdict, result.logs_deleted) == ("verified", False)


@pytest.mark.parametrize("verb", ["reset", "restore", "rollback"])
def test_a_spend_log_from_before_its_database_was_replaced_is_unknown(
    settings: Settings, gateway: GatewayClient, fake: FakeLiteLLM, verb: str
) -> None:
    settings.state_dir.mkdir()
    with record_verb(settings.state_dir, verb):
        pass
    world = World(clock=FakeClock(), spans={0: COMPLETE}, logged_at=1000)

    result = run_verification(settings, gateway, fake, world, fresh=False)

    assert result.verdict == "unknown"
    assert f"replaced by {verb}" in (result.reason or "")


def test_a_past_trace_is_judged_at_once(
    settings: Settings, gateway: GatewayClient, fake: FakeLiteLLM
) -> None:
    """Nothing of it is on its way any more."""
    world = World(clock=FakeClock(), spans={0: COMPLETE[:-1]})

    result = run_verification(settings, gateway, fake, world, timeout=30, fresh=False)

    assert result.verdict == "not_verified"
    assert world.elapsed < QUIET


def test_a_retried_call_is_verified_with_its_retries(
    settings: Settings, gateway: GatewayClient, fake: FakeLiteLLM
) -> None:
    failed = replace(LLM, span_id="failed", status="ERROR")
    world = World(clock=FakeClock(), spans={0: (*COMPLETE, failed)})

    result = run_verification(settings, gateway, fake, world)

    assert (result.verdict, result.retries, result.fallbacks) == ("verified", 1, ())


def test_without_the_master_key_the_verdict_is_unknown(
    tmp_path: Path, gateway: GatewayClient, fake: FakeLiteLLM
) -> None:
    world = World(clock=FakeClock(), spans={0: COMPLETE})

    result = run_verification(project(tmp_path / "without-key"), gateway, fake, world, timeout=2)

    assert result.verdict == "unknown"
    assert "LITELLM_MASTER_KEY" in (result.reason or "")


@pytest.mark.parametrize("text", ["", "abc", "0" * 32, "g" * 32, "a" * 31, "a" * 33])
def test_an_invalid_trace_id_is_refused(text: str) -> None:
    with pytest.raises(UsageProblem, match="Invalid trace id"):
        parse_trace_id(text)


def test_a_trace_id_may_have_spaces_a_prefix_and_capitals() -> None:
    assert parse_trace_id(f" 0x{TRACE.upper()} ") == TRACE
