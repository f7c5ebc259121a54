from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from gatewayctl.errors import (
    EnvFileMissing,
    Locked,
    NotHealthyInTime,
    PortTaken,
    ServiceFailed,
    UnknownService,
)
from gatewayctl.operations.stack.restart import RestartReport, restart
from gatewayctl.operations.state.lock import hold_lock
from gatewayctl.settings.model import Settings
from tests.fakes.answers import REFUSED, answers
from tests.fakes.driving import report_of
from tests.fakes.projects import MASTER_KEY, project
from tests.fakes.runtime import SERVICES, FakeRuntime, resolved, up_and_running


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return project(tmp_path, env=f"LITELLM_MASTER_KEY={MASTER_KEY}\n")


def restarted(
    settings: Settings,
    runtime: FakeRuntime,
    *services: str,
    litellm: httpx.Response | Exception | None = None,
) -> RestartReport:
    with answers([litellm] if litellm else None) as http:
        return report_of(restart(settings, resolved(runtime), http, services, timeout=0))


def test_one_service_is_restarted_with_the_current_files(settings: Settings) -> None:
    runtime = up_and_running()

    report = restarted(settings, runtime, "litellm")

    assert report.restarted == ("litellm",)
    assert [service.health for service in report.services] == ["healthy"] * 3
    assert runtime.calls[:3] == ["preflight", "prepare", "restart litellm"]
    assert (settings.compose_dir / "litellm_config.yaml").exists()


def test_without_names_all_are_restarted(settings: Settings) -> None:
    assert restarted(settings, up_and_running()).restarted == SERVICES


def test_services_are_listed_once_each_in_dependency_order(settings: Settings) -> None:
    report = restarted(settings, up_and_running(), "phoenix", "litellm", "phoenix")

    assert report.restarted == ("litellm", "phoenix")


def test_an_unknown_service_is_refused_before_anything_is_touched(settings: Settings) -> None:
    runtime = up_and_running()

    with pytest.raises(UnknownService, match="This project has no service 'redis'") as refused:
        restarted(settings, runtime, "litellm", "redis")

    assert runtime.calls == []
    assert not settings.compose_dir.exists()
    assert refused.value.hint == "Services: postgres, litellm, phoenix."


def test_a_taken_port_is_found_before_anything_is_stopped(settings: Settings) -> None:
    runtime = FakeRuntime(raising={"preflight": PortTaken("Port 4000 is held.")})

    with pytest.raises(PortTaken):
        restarted(settings, runtime)

    assert runtime.calls == ["preflight"]


def test_without_secrets_nothing_is_restarted(tmp_path: Path) -> None:
    runtime = up_and_running()

    with pytest.raises(EnvFileMissing):
        restarted(project(tmp_path / "empty"), runtime)

    assert runtime.calls == []


def test_a_project_that_is_locked_is_not_changed(settings: Settings) -> None:
    with hold_lock(settings.state_dir, "up"), pytest.raises(Locked):
        restarted(settings, up_and_running())


def test_a_service_that_does_not_restart_is_an_error(settings: Settings) -> None:
    with pytest.raises(NotHealthyInTime, match="litellm is not ready after 0 s"):
        restarted(settings, up_and_running(), litellm=REFUSED)

    failing = up_and_running(looks=[{"litellm": "failed"}], details={"litellm": "exit code 1"})
    with pytest.raises(ServiceFailed, match=r"litellm failed \(exit code 1\)"):
        restarted(settings, failing)
