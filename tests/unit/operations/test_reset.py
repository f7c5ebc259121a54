from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from gatewayctl.errors import EnvFileMissing, Locked, PortTaken
from gatewayctl.gateway.client import GatewayClient
from gatewayctl.operations.lock import held
from gatewayctl.operations.reset import Loss, ResetReport, loss, reset
from gatewayctl.settings.model import Settings
from tests.fakes.answers import silent_stack
from tests.fakes.driving import report_of
from tests.fakes.litellm import FakeLiteLLM, error, served
from tests.fakes.phoenix import healthy_stack
from tests.fakes.projects import MASTER_KEY, project
from tests.fakes.runtime import SERVICES, FakeRuntime, resolved, up_and_running

OLD = "sk-virtual-old-0123456789abcdef"
UNKNOWN = Loss(keys=None, spend=None)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    env = f"# mine\nLITELLM_MASTER_KEY={MASTER_KEY}\nLITELLM_API_KEY={OLD}\nKEPT=yes\n"
    return project(tmp_path / "shop", env=env)


@pytest.fixture
def stack() -> FakeLiteLLM:
    return healthy_stack()


@pytest.fixture
def gateway(stack: FakeLiteLLM) -> Iterator[GatewayClient]:
    with served(stack) as client:
        yield client


def done(settings: Settings, runtime: FakeRuntime, gateway: GatewayClient) -> ResetReport:
    return report_of(reset(settings, resolved(runtime), gateway, lost=UNKNOWN, timeout=2))


# What would be lost


def test_the_loss_is_counted_over_all_keys(
    settings: Settings, gateway: GatewayClient, stack: FakeLiteLLM
) -> None:
    stack.add("sk-one-0123456789abcdef", "one", spend=0.25)
    stack.add("sk-two-0123456789abcdef", "two", spend=None)
    stack.add("sk-three-0123456789abcdef", "three", spend=1.5)

    assert loss(settings, gateway) == Loss(keys=3, spend=1.75)


def test_a_gateway_that_does_not_run_hides_the_loss(settings: Settings) -> None:
    with served(silent_stack()) as client:
        assert loss(settings, client) == UNKNOWN


def test_a_gateway_that_refuses_our_master_key_hides_the_loss(
    settings: Settings, gateway: GatewayClient, stack: FakeLiteLLM
) -> None:
    stack.master = "sk-another-master-key"

    assert loss(settings, gateway) == UNKNOWN


def test_a_project_without_a_master_key_hides_the_loss(
    tmp_path: Path, gateway: GatewayClient
) -> None:
    assert loss(project(tmp_path / "empty"), gateway) == UNKNOWN


# The reset


def test_the_database_is_emptied_before_anything_starts_and_the_keys_are_new(
    settings: Settings, gateway: GatewayClient, stack: FakeLiteLLM
) -> None:
    runtime = up_and_running()

    report = done(settings, runtime, gateway)

    verbs = [call for call in runtime.calls if call != "states"]
    assert verbs == ["preflight", "prepare", "empty_litellm_database", "start"]
    assert report.project == "shop"
    assert report.lost == UNKNOWN
    assert [service.health for service in report.services] == ["healthy"] * 3
    assert [key.status for key in report.keys.keys] == ["created", "created"]
    assert len(stack.keys) == 2


def test_the_old_virtual_key_is_replaced_and_everything_else_in_env_file_stays(
    settings: Settings, gateway: GatewayClient
) -> None:
    done(settings, up_and_running(), gateway)

    text = settings.env_file.read_text()
    assert OLD not in text
    assert "# mine" in text
    assert "KEPT=yes" in text
    assert f"LITELLM_MASTER_KEY={MASTER_KEY}" in text
    assert "LITELLM_API_KEY=sk-" in text


def test_a_reset_that_was_interrupted_is_finished_by_the_next(
    settings: Settings, gateway: GatewayClient
) -> None:
    runtime = up_and_running()
    events = reset(settings, resolved(runtime), gateway, lost=UNKNOWN, timeout=2)
    while "empty_litellm_database" not in runtime.calls:
        next(events)
    events.close()
    assert runtime.running == {"postgres", "phoenix"}

    report = done(settings, runtime, gateway)

    assert runtime.running == set(SERVICES)
    assert report.problem is None


def test_phoenix_is_neither_stopped_nor_emptied(settings: Settings, gateway: GatewayClient) -> None:
    runtime = up_and_running()

    done(settings, runtime, gateway)

    assert not any(call.startswith("stop") for call in runtime.calls)


def test_a_stack_that_does_not_run_can_be_reset(settings: Settings, gateway: GatewayClient) -> None:
    runtime = FakeRuntime()

    done(settings, runtime, gateway)

    assert runtime.running == set(SERVICES)


def test_without_a_master_key_nothing_is_emptied(tmp_path: Path, gateway: GatewayClient) -> None:
    runtime = up_and_running()

    with pytest.raises(EnvFileMissing):
        done(project(tmp_path / "empty"), runtime, gateway)

    assert runtime.calls == []


def test_a_taken_port_is_found_before_anything_is_emptied(
    settings: Settings, gateway: GatewayClient
) -> None:
    runtime = FakeRuntime(raising={"preflight": PortTaken("Port 4000 is held.")})

    with pytest.raises(PortTaken):
        done(settings, runtime, gateway)

    assert "empty_litellm_database" not in runtime.calls


def test_a_project_that_is_being_changed_is_left_alone(
    settings: Settings, gateway: GatewayClient
) -> None:
    runtime = up_and_running()

    with held(settings.state_dir, "up"), pytest.raises(Locked):
        done(settings, runtime, gateway)

    assert runtime.calls == []


def test_a_key_that_could_not_be_made_anew_is_a_problem_of_the_report(
    settings: Settings, gateway: GatewayClient, stack: FakeLiteLLM
) -> None:
    def refuse_one(request: httpx.Request) -> httpx.Response:
        if json.loads(request.content)["key_alias"] == "litellm-eval":
            return error(400, "This alias is not wanted.")
        return stack._key_generate(request)

    stack.planted["/key/generate"] = refuse_one

    problem = done(settings, up_and_running(), gateway).problem

    assert problem is not None
    assert problem.exit_code == 7
