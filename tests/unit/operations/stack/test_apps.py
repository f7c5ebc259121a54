"""Apps in the verbs up, restart, status and in the changes of keys."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gatewayctl.errors import DatabasePasswordRefused, ServiceFailed
from gatewayctl.gateway.client import GatewayClient
from gatewayctl.operations.diagnosis.health import check_services
from gatewayctl.operations.stack.restart import restart
from gatewayctl.operations.stack.up import UpOptions, UpReport, up
from gatewayctl.operations.stack.wait import wait_ready
from gatewayctl.runtimes.runtime_marker import read_runtime, write_runtime
from gatewayctl.settings.model import Settings
from tests.fakes.answers import REFUSED, answers
from tests.fakes.clock import FakeClock
from tests.fakes.driving import driven, report_of
from tests.fakes.litellm import served
from tests.fakes.phoenix import healthy_stack
from tests.fakes.projects import MASTER_KEY, SALT_KEY, project
from tests.fakes.runtime import (
    DOCKER_SERVICES,
    FakeRuntime,
    docker_stack,
    loading,
    resolved,
)

APPS = 'models: {gpt-4o: openai/gpt-4o}\napps: {shop: {image: "shop:1", key: litellm-dev}}\n'


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    env = f"LITELLM_MASTER_KEY={MASTER_KEY}\nLITELLM_SALT_KEY={SALT_KEY}\n"
    return project(tmp_path, APPS, env=env)


@pytest.fixture
def gateway() -> Iterator[GatewayClient]:
    with served(healthy_stack()) as client:
        yield client


def done(
    settings: Settings, runtime: FakeRuntime, gateway: GatewayClient, *, keys: bool = True
) -> UpReport:
    load = loading(settings, runtime, gateway)
    return report_of(up(settings, load, UpOptions(timeout=2, keys=keys)))


def test_apps_start_after_their_keys_and_are_listed_after_the_services(
    settings: Settings, gateway: GatewayClient
) -> None:
    runtime = docker_stack("shop", state="stopped", unchecked=["shop"])

    report = done(settings, runtime, gateway)

    assert runtime.calls.index("start") < runtime.calls.index("start_apps")
    assert report.started == (*DOCKER_SERVICES, "shop")
    assert [service.service for service in report.services] == [*DOCKER_SERVICES, "shop"]
    assert report.services[-1].health == "healthy"
    assert report.warnings == ()


def test_an_app_that_was_restarted_is_a_change(settings: Settings, gateway: GatewayClient) -> None:
    done(settings, docker_stack("shop"), gateway)

    report = done(settings, docker_stack("shop", differs={"shop"}), gateway)

    assert (report.started, report.restarted, report.changed) == ((), ("shop",), True)
    assert not done(settings, docker_stack("shop"), gateway).changed


def test_an_app_without_its_key_is_a_warning(settings: Settings, gateway: GatewayClient) -> None:
    report = done(settings, docker_stack("shop"), gateway, keys=False)

    assert report.warnings == (
        "The app shop runs without its virtual key: LITELLM_API_KEY is not set.",
    )


def test_a_runtime_that_cannot_run_apps_warns(settings: Settings, gateway: GatewayClient) -> None:
    report = done(settings, FakeRuntime(), gateway)

    assert "gateway.yaml declares shop" in report.warnings[0]
    assert "--runtime docker" in report.warnings[0]


def test_an_app_that_fails_is_reported_with_its_log(
    settings: Settings, gateway: GatewayClient
) -> None:
    runtime = docker_stack("shop", words={"shop": "ImportError"}, details={"shop": "exit code 1"})
    runtime.processes["shop"] = "failed"

    with pytest.raises(ServiceFailed, match="shop failed"), answers() as http:
        driven(wait_ready(settings, runtime, http, timeout=1, names=runtime.apps))


def test_the_runtime_is_recorded_before_anything_is_started(
    settings: Settings, gateway: GatewayClient
) -> None:
    runtime = docker_stack("shop", state="stopped", raising={"start": ServiceFailed("no")})

    with pytest.raises(ServiceFailed):
        done(settings, runtime, gateway)

    assert read_runtime(settings.state_dir) == "docker"


def test_a_change_of_runtime_warns_where_the_other_data_is(
    settings: Settings, gateway: GatewayClient
) -> None:
    write_runtime(settings.state_dir, "embedded")

    first = done(settings, docker_stack("shop"), gateway)
    second = done(settings, docker_stack("shop"), gateway)

    assert "a stack in the embedded runtime" in first.warnings[0]
    assert second.warnings == ()


def test_a_restart_takes_apps_by_name_and_skips_those_that_never_ran(
    settings: Settings,
) -> None:
    runtime, other = docker_stack("shop"), docker_stack("shop")
    other.processes["shop"] = "stopped"

    with answers() as http:
        named = report_of(restart(settings, resolved(runtime), http, ["shop"], timeout=2))
        all_of_it = report_of(restart(settings, resolved(other), http, [], timeout=2))

    assert named.restarted == ("shop",)
    assert all_of_it.restarted == DOCKER_SERVICES


# Health, where the runtime has checks of its own


def healths(
    settings: Settings, runtime: FakeRuntime, litellm: Exception | None = None
) -> dict[str, tuple[str, str]]:
    with answers([litellm] if litellm else None) as http:
        return {s.service: (s.health, s.detail) for s in check_services(settings, runtime, http)}


def test_the_engines_word_and_the_answer_both_count(settings: Settings) -> None:
    runtime = docker_stack("shop", unchecked=["shop"])
    assert {health for health, _ in healths(settings, runtime).values()} == {"healthy"}

    runtime.checks = {"litellm": False, "postgres-litellm": False, "shop": False}
    found = healths(settings, runtime)

    assert found["litellm"] == ("starting", "answers; its health check has not passed yet")
    assert found["postgres-litellm"] == ("starting", "accepts no connections yet")
    assert found["shop"] == ("starting", "its health check has not passed yet")
    assert found["phoenix"][0] == "healthy"


def test_the_health_check_of_the_engine_alone_is_not_enough(settings: Settings) -> None:
    assert healths(settings, docker_stack(), REFUSED)["litellm"][0] == "starting"


def test_the_output_of_a_failing_health_check_is_shown(settings: Settings) -> None:
    runtime = docker_stack(details={"litellm": "health check fails: no database"})
    runtime.checks = {"litellm": False}

    assert healths(settings, runtime)["litellm"][1] == "health check fails: no database"


def test_a_container_that_comes_back_with_a_refused_password_is_not_waited_for(
    settings: Settings,
) -> None:
    runtime = docker_stack(words={"litellm": "Error: P1000: Authentication failed"})
    clock = FakeClock()
    clock.then = lambda: runtime.pids.update(litellm=999)

    with answers([REFUSED]) as http, pytest.raises(DatabasePasswordRefused) as refused:
        driven(wait_ready(settings, runtime, http, timeout=300, clock=clock, sleep=clock.sleep))

    assert len(clock.naps) == 1
    assert "LITELLM_POSTGRES_PASSWORD" in refused.value.message
