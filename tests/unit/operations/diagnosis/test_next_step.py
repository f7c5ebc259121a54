from __future__ import annotations

from pathlib import Path

import pytest

from gatewayctl.operations.diagnosis.health import Health, ServiceReport
from gatewayctl.operations.diagnosis.next_step import suggest_next_step
from gatewayctl.settings.model import Settings
from tests.fakes.projects import project
from tests.fakes.runtime import SERVICES, FakeRuntime


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return project(tmp_path / "shop", env="")


def suggest(
    settings: Settings, *, detail: str = "", uptime: float = 5, log: str = "", **health: Health
) -> str:
    """The next step where all services are healthy but these."""
    reports = [
        ServiceReport(
            service=service, state="running", health=health.get(service, "healthy"), uptime=uptime,
            detail=detail if service in health else "",
        )
        for service in SERVICES
    ]  # fmt: skip
    return suggest_next_step(reports, FakeRuntime(words={"litellm": log}), settings)


def suggest_for_stopped(settings: Settings) -> str:
    return suggest(settings, postgres="stopped", litellm="stopped", phoenix="stopped")


def test_a_healthy_stack_needs_nothing(settings: Settings) -> None:
    assert suggest(settings) == ""


def test_a_stopped_stack_is_started(settings: Settings) -> None:
    assert suggest_for_stopped(settings) == "Start the stack with `gatewayctl up`."


def test_a_folder_without_a_project_gets_one(tmp_path: Path) -> None:
    assert suggest_for_stopped(project(tmp_path)).startswith("Create one with `gatewayctl init`")


def test_a_crash_loop_is_explained_by_its_log_and_not_started_again(settings: Settings) -> None:
    step = suggest(settings, litellm="unhealthy", detail="exit code 7", log="Traceback")

    assert step.startswith("See `gatewayctl logs litellm`.")


def test_a_known_cause_has_its_own_remedy(settings: Settings) -> None:
    step = suggest(settings, litellm="unhealthy", log="yaml.scanner.ScannerError: line 3")

    assert step.startswith("Correct what `gatewayctl logs litellm` reports, then run")


def test_what_a_service_answers_counts_more_than_an_old_log(settings: Settings) -> None:
    step = suggest(
        settings,
        litellm="unhealthy",
        detail="still runs at http://127.0.0.1:1; the current settings are http://127.0.0.1:2",
        log="No space left on device",
    )

    assert step.startswith("Run `gatewayctl up`.")


def test_a_part_of_the_stack_is_started(settings: Settings) -> None:
    assert suggest(settings, phoenix="stopped").startswith("Run `gatewayctl up`.")


def test_a_service_that_has_just_been_started_is_waited_for(settings: Settings) -> None:
    assert suggest(settings, litellm="starting") == (
        "Wait for litellm to start, as `gatewayctl status` shows; if that takes long, see "
        "`gatewayctl logs litellm`."
    )
    assert "`gatewayctl logs litellm`" in suggest(settings, litellm="starting", uptime=300)
