from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from gatewayctl.errors import (
    Interrupted,
    Locked,
    MasterKeyRefused,
    MasterKeyWeak,
    PortTaken,
    ServiceFailed,
)
from gatewayctl.gateway.client import GatewayClient
from gatewayctl.operations.stack.up import UpOptions, UpReport, up
from gatewayctl.operations.state.lock import hold_lock
from gatewayctl.settings.model import Settings
from tests.fakes.answers import refuse_connection
from tests.fakes.driving import driven, report_of
from tests.fakes.litellm import URL, FakeLiteLLM, error, served
from tests.fakes.phoenix import healthy_stack
from tests.fakes.projects import MASTER_KEY, SALT_KEY, project
from tests.fakes.runtime import SERVICES, FakeRuntime, loading, up_and_running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    env = f"LITELLM_MASTER_KEY={MASTER_KEY}\nLITELLM_SALT_KEY={SALT_KEY}\n"
    project(tmp_path, env=env)
    return tmp_path


@pytest.fixture
def settings(folder: Path) -> Settings:
    return project(folder)


@pytest.fixture
def stack() -> FakeLiteLLM:
    return healthy_stack()


@pytest.fixture
def gateway(stack: FakeLiteLLM) -> Iterator[GatewayClient]:
    with served(stack) as client:
        yield client


def done(
    settings: Settings, runtime: FakeRuntime, gateway: GatewayClient, *, keys: bool = True
) -> UpReport:
    return report_of(
        up(settings, loading(settings, runtime, gateway), UpOptions(timeout=2, keys=keys))
    )


def test_the_first_up_prepares_starts_and_makes_the_declared_keys(
    folder: Path, settings: Settings, gateway: GatewayClient
) -> None:
    runtime = FakeRuntime()

    report = done(settings, runtime, gateway)

    assert runtime.calls[:4] == ["preflight", "prepare", "states", "start"]
    assert report.changed
    assert report.started == SERVICES
    assert report.files == ("compose/litellm_callbacks.py", "compose/litellm_config.yaml")
    assert [service.health for service in report.services] == ["healthy"] * 3
    assert report.keys is not None
    assert [(key.alias, key.status) for key in report.keys.keys] == [
        ("litellm-dev", "created"),
        ("litellm-eval", "created"),
    ]
    assert "LITELLM_API_KEY=sk-" in (folder / ".env").read_text()
    assert (report.gateway_url, report.phoenix_url) == (URL, "http://127.0.0.1:6006")
    assert (report.runtime, report.runtime_why) == ("embedded", "the test says so")
    assert report.problem is None


def test_a_second_up_changes_nothing_and_reports_that(
    folder: Path, settings: Settings, gateway: GatewayClient
) -> None:
    runtime = FakeRuntime()
    done(settings, runtime, gateway)
    before = {
        path: path.read_bytes()
        for path in folder.rglob("*")
        if path.name not in {"lock", "audit.jsonl"} and path.is_file()
    }

    report = done(project(folder), runtime, gateway)

    assert not report.changed
    assert (report.started, report.restarted, report.files) == ((), (), ())
    assert report.keys is not None
    assert {key.status for key in report.keys.keys} == {"exists"}
    assert {path: path.read_bytes() for path in before} == before


def test_a_service_with_other_settings_is_reported_as_restarted(
    settings: Settings, gateway: GatewayClient
) -> None:
    report = done(settings, up_and_running(differs={"litellm"}), gateway)

    assert report.restarted == ("litellm",)
    assert report.changed


def test_configuration_is_rendered_before_anything_starts(
    folder: Path, settings: Settings, gateway: GatewayClient
) -> None:
    runtime = FakeRuntime(raising={"start": ServiceFailed("no")})

    with pytest.raises(ServiceFailed):
        done(settings, runtime, gateway)

    assert (folder / "compose" / "litellm_config.yaml").exists()


def test_keys_are_left_out_where_that_is_wanted(
    folder: Path, settings: Settings, gateway: GatewayClient, stack: FakeLiteLLM
) -> None:
    report = done(settings, FakeRuntime(), gateway, keys=False)

    assert report.keys is None
    assert report.problem is None
    assert stack.keys == {}
    assert "LITELLM_API_KEY" not in (folder / ".env").read_text()


def test_newer_images_are_fetched_where_that_is_wanted(
    settings: Settings, gateway: GatewayClient
) -> None:
    runtime = FakeRuntime()

    driven(up(settings, loading(settings, runtime, gateway), UpOptions(timeout=2, pull=True)))

    assert "prepare --refresh" in runtime.calls


def test_secrets_that_were_just_generated_count_as_a_change(
    settings: Settings, gateway: GatewayClient
) -> None:
    runtime = FakeRuntime()
    done(settings, runtime, gateway)
    lines = settings.env_file.read_text().splitlines(keepends=True)
    settings.env_file.write_text("".join(x for x in lines if not x.startswith("UI_PASSWORD")))
    settings.env_file.chmod(0o644)

    report = done(project(settings.project_dir), runtime, gateway)

    assert report.changed
    assert report.secrets_added == ("UI_PASSWORD",)
    assert any("accessible to other users" in warning for warning in report.warnings)


def test_a_locked_project_gets_no_secrets(settings: Settings, gateway: GatewayClient) -> None:
    before = settings.env_file.read_text()

    with hold_lock(settings.state_dir, "backup"), pytest.raises(Locked):
        done(settings, FakeRuntime(), gateway)

    assert settings.env_file.read_text() == before
    assert not (settings.project_dir / ".gitignore").exists()


# What goes wrong


def test_with_a_weak_master_key_nothing_is_touched(tmp_path: Path, gateway: GatewayClient) -> None:
    runtime = FakeRuntime()
    settings = project(tmp_path / "p", env="LITELLM_MASTER_KEY=sk-1234\n")

    with pytest.raises(MasterKeyWeak):
        done(settings, runtime, gateway)

    assert runtime.calls == []
    assert not settings.state_dir.exists()
    assert not settings.compose_dir.exists()


def test_a_taken_port_is_found_before_anything_is_fetched_or_rendered(
    settings: Settings, gateway: GatewayClient
) -> None:
    runtime = FakeRuntime(raising={"preflight": PortTaken("Port 4000 is used by x (pid 1).")})

    with pytest.raises(PortTaken):
        done(settings, runtime, gateway)

    assert runtime.calls == ["preflight"]
    assert not settings.compose_dir.exists()


def test_another_gatewayctl_in_this_project_is_named_and_nothing_is_done(
    settings: Settings, gateway: GatewayClient
) -> None:
    runtime = FakeRuntime()

    with hold_lock(settings.state_dir, "down"), pytest.raises(Locked, match="gatewayctl down"):
        done(settings, runtime, gateway)

    assert runtime.calls == []


def test_a_service_that_fails_leaves_everything_running(
    settings: Settings, gateway: GatewayClient
) -> None:
    runtime = FakeRuntime(
        looks=[{}, {"litellm": "failed"}],
        details={"litellm": "exit code 3"},
        words={"litellm": "no master key"},
    )

    with pytest.raises(ServiceFailed, match="no master key"):
        done(settings, runtime, gateway)

    assert "stop" not in runtime.calls
    assert runtime.running == {"postgres", "phoenix"}


def test_keys_that_cannot_be_created_leave_the_stack_running(
    settings: Settings, gateway: GatewayClient, stack: FakeLiteLLM
) -> None:
    stack.master = "sk-another-master-key"
    runtime = FakeRuntime()

    with pytest.raises(MasterKeyRefused):
        done(settings, runtime, gateway)

    assert runtime.running == set(SERVICES)


def test_a_key_that_could_not_be_created_is_a_problem_of_the_report(
    settings: Settings, gateway: GatewayClient, stack: FakeLiteLLM
) -> None:
    def refuse_one(request: httpx.Request) -> httpx.Response:
        if json.loads(request.content)["key_alias"] == "litellm-eval":
            return error(400, "This alias is not wanted.")
        return stack._key_generate(request)

    stack.planted["/key/generate"] = refuse_one

    report = done(settings, FakeRuntime(), gateway)

    assert report.changed
    assert report.problem is not None
    assert (report.problem.code, report.problem.exit_code) == ("partly_done", 7)
    assert "This alias is not wanted" in report.problem.message


# Ctrl-C


def test_control_c_during_the_start_stops_what_this_run_started(
    settings: Settings, gateway: GatewayClient
) -> None:
    runtime = FakeRuntime(stops_at="start")

    with pytest.raises(Interrupted, match="What was started is stopped again"):
        done(settings, runtime, gateway)

    assert runtime.calls[-1] == "stop"
    assert runtime.running == set()


def test_control_c_while_waiting_stops_what_this_run_started(
    settings: Settings, gateway: GatewayClient, stack: FakeLiteLLM
) -> None:
    stack.planted["/health/readiness"] = refuse_connection
    runtime = FakeRuntime()
    events = up(settings, loading(settings, runtime, gateway), UpOptions())

    while runtime.running != set(SERVICES):
        next(events)
    next(events)
    events.close()

    assert runtime.calls[-1] == "stop"
    assert runtime.running == set()


def test_control_c_does_not_stop_a_stack_that_ran_before(
    settings: Settings, gateway: GatewayClient
) -> None:
    runtime = up_and_running(differs={"litellm"}, stops_at="start")

    with pytest.raises(Interrupted, match="What was started keeps running"):
        done(settings, runtime, gateway)

    assert "stop" not in runtime.calls
    assert runtime.running == set(SERVICES)


def test_control_c_before_the_start_stops_nothing(
    settings: Settings, gateway: GatewayClient
) -> None:
    runtime = FakeRuntime()
    events = up(settings, loading(settings, runtime, gateway), UpOptions())

    next(events)
    events.close()

    assert runtime.calls == ["preflight", "prepare"]


def test_after_control_c_the_project_is_not_locked(
    settings: Settings, gateway: GatewayClient
) -> None:
    with pytest.raises(Interrupted):
        done(settings, FakeRuntime(stops_at="start"), gateway)

    assert done(settings, FakeRuntime(), gateway).changed


# models


def test_a_model_that_litellm_does_not_serve_is_a_warning(
    settings: Settings, gateway: GatewayClient, stack: FakeLiteLLM
) -> None:
    stack.models = ("gpt-4o", "gpt-4o-mini", "demo")

    report = done(settings, FakeRuntime(), gateway)

    expected = "LiteLLM does not serve o1-mini: see `gatewayctl logs litellm`."
    assert expected in report.warnings


def test_a_model_without_a_provider_is_a_warning_of_every_up(
    folder: Path, gateway: GatewayClient, stack: FakeLiteLLM
) -> None:
    stack.models = ("claude", "demo")
    deployment = "{model_name: claude, litellm_params: {model: my-claude}}"
    settings = project(folder, f"litellm: {{model_list: [{deployment}]}}\n")

    for _ in range(2):
        report = done(settings, up_and_running(), gateway)
        assert "Write provider/my-claude." in report.warnings[0]
