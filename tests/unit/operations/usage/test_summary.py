from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewayctl.errors import EnvFileMissing
from gatewayctl.gateway.client import GatewayClient
from gatewayctl.generators import drain
from gatewayctl.operations.usage.summary import UsageReport, percentile, summarize_usage
from gatewayctl.settings.model import Settings
from tests.fakes.litellm import FakeLiteLLM, served
from tests.fakes.phoenix import SPEND_LOGS
from tests.fakes.projects import MASTER_KEY, project
from tests.unit.gateway.test_spend import page, row

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


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


def plant_logs(fake: FakeLiteLLM, *rows: dict[str, Any]) -> None:
    fake.planted[SPEND_LOGS] = lambda _: page(*rows)


def tagged_row(call_id: str, component: str, **fields: Any) -> dict[str, Any]:
    return row(call_id, request_tags=[f"component:{component}", "op:work"], **fields)


def summarize(settings: Settings, gateway: GatewayClient, **options: Any) -> UsageReport:
    return drain(
        summarize_usage(
            settings, gateway, **{"since": NOW - timedelta(days=1), **options}, now=lambda: NOW
        )
    )


def test_requests_are_summed_by_component(
    settings: Settings, gateway: GatewayClient, fake: FakeLiteLLM
) -> None:
    plant_logs(
        fake, tagged_row("1", "a"), tagged_row("2", "a"), tagged_row("3", "b", status="failure")
    )

    report = summarize(settings, gateway)

    assert [(r.name, r.requests, r.total_tokens, r.errors, r.cost) for r in report.rows] == [
        ("a", 2, 24, 0, 1.0),
        ("b", 1, 12, 1, 0.5),
    ]
    assert (report.total.requests, report.total.total_tokens) == (3, 36)
    assert report.newest == datetime(2026, 11, 23, 11, 59, 58, tzinfo=UTC)
    assert (report.rows[0].p50, report.rows[1].p50) == (0.25, None)


@pytest.mark.parametrize(
    ("by", "name"),
    [("operation", "a/work"), ("model", "demo"), ("key", "litellm-dev"),
     ("environment", "development")],
)  # fmt: skip
def test_requests_are_summed_by_any_group(
    settings: Settings, gateway: GatewayClient, fake: FakeLiteLLM, by: Any, name: str
) -> None:
    plant_logs(fake, tagged_row("1", "a"))

    assert [row.name for row in summarize(settings, gateway, by=by).rows] == [name]


def test_requests_without_a_component_are_a_group_without_a_name(
    settings: Settings, gateway: GatewayClient, fake: FakeLiteLLM
) -> None:
    plant_logs(fake, row("1", request_tags=[], spend=None))

    (only,) = summarize(settings, gateway).rows

    assert (only.name, only.cost) == (None, None)


def test_the_environment_of_an_undeclared_key_is_read_from_litellm(
    settings: Settings, gateway: GatewayClient, fake: FakeLiteLLM
) -> None:
    token = fake.add("sk-other-0123456789", "other", metadata={"environment": "staging"})
    plant_logs(fake, row("1", api_key=token, metadata={"user_api_key_alias": "other"}))

    assert [r.name for r in summarize(settings, gateway, by="environment").rows] == ["staging"]


@pytest.mark.parametrize(("text", "seconds"), [("", 15), ("{proxy_batch_write_at: 60}", 65)])
def test_the_totals_say_how_far_they_may_be_behind(
    tmp_path: Path, gateway: GatewayClient, fake: FakeLiteLLM, text: str, seconds: float
) -> None:
    plant_logs(fake)
    own = f"litellm: {{general_settings: {text or '{}'}}}"
    settings = project(tmp_path, own, env=f"LITELLM_MASTER_KEY={MASTER_KEY}\n")

    assert summarize(settings, gateway).may_lack == seconds


def test_without_an_env_file_the_master_key_is_missing(
    settings: Settings, gateway: GatewayClient, tmp_path: Path
) -> None:
    with pytest.raises(EnvFileMissing):
        summarize(project(tmp_path / "empty"), gateway)


@given(st.lists(st.floats(0, 1000), min_size=1), st.floats(0.01, 1))
def test_a_percentile_is_one_of_the_values_and_the_share_does_not_exceed_it(
    values: list[float], share: float
) -> None:
    ordered = sorted(values)
    found = percentile(ordered, share)

    assert found in ordered
    assert sum(value <= found for value in ordered) >= share * len(ordered) - 1e-6


def test_cached_blocked_retried_and_fallen_back_requests_are_counted(
    settings: Settings, gateway: GatewayClient, fake: FakeLiteLLM
) -> None:
    error = {"error_information": {"error_class": "GuardrailRaisedException"}}
    asked = {"attempted_retries": 2, "spend_logs_metadata": {"asked_model": "broken"}}
    plant_logs(
        fake,
        row("1", cache_hit="True", model_group="fast", model="openai/a"),
        row("2", model_group="fast", model="openai/b", metadata=asked),
        row("3", status="failure", metadata=error),
    )

    report = summarize(settings, gateway, by="deployment")

    total = report.total
    assert (total.cached, total.blocked, total.retries, total.fallbacks) == (1, 1, 2, 1)
    assert {line.name: line.requests for line in report.rows} == {"openai/b": 1, None: 2}


def test_a_period_beyond_the_retention_says_what_is_missing(
    tmp_path: Path, gateway: GatewayClient, fake: FakeLiteLLM
) -> None:
    kept = project(
        tmp_path, "retention: {spend_logs: 7d}", env=f"LITELLM_MASTER_KEY={MASTER_KEY}\n"
    )
    plant_logs(fake, row("1"))

    beyond = summarize(kept, gateway, since=NOW - timedelta(days=30))
    within = summarize(kept, gateway, since=NOW - timedelta(days=7))

    assert beyond.kept_since == NOW - timedelta(days=7)
    assert within.kept_since is None


def test_without_a_retention_nothing_is_missing(
    settings: Settings, gateway: GatewayClient, fake: FakeLiteLLM
) -> None:
    plant_logs(fake, row("1"))

    assert summarize(settings, gateway, since=NOW - timedelta(days=3650)).kept_since is None
