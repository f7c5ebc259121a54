from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from gatewayctl.errors import DatabasePasswordRefused
from gatewayctl.operations.diagnosis.health import ServiceReport, check_services
from gatewayctl.settings.model import Settings
from tests.fakes.answers import REFUSED, answers, litellm_ready, litellm_without_database
from tests.fakes.projects import project
from tests.fakes.runtime import FakeRuntime, up_and_running


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return project(tmp_path)


def check(
    settings: Settings,
    runtime: FakeRuntime,
    litellm: httpx.Response | Exception | None = None,
    phoenix: httpx.Response | Exception | None = None,
) -> dict[str, ServiceReport]:
    with answers([litellm] if litellm else None, [phoenix] if phoenix else None) as http:
        return {report.service: report for report in check_services(settings, runtime, http)}


def test_a_stack_whose_every_service_answers_is_healthy(settings: Settings) -> None:
    found = check(settings, up_and_running())

    assert {report.health for report in found.values()} == {"healthy"}
    assert found["litellm"] == ServiceReport(
        service="litellm",
        state="running",
        health="healthy",
        version="1.106.2",
        address="http://127.0.0.1:4000",
        uptime=252.0,
        pid=101,
        detail="database connected",
    )


def test_a_stopped_service_is_not_probed(settings: Settings) -> None:
    found = check(settings, FakeRuntime())

    assert {report.health for report in found.values()} == {"stopped"}
    assert {report.uptime for report in found.values()} == {None}


def test_a_failed_process_is_unhealthy_even_if_its_port_answers(
    settings: Settings,
) -> None:
    runtime = up_and_running(details={"litellm": "exit code 3"})
    runtime.processes["litellm"] = "failed"

    found = check(settings, runtime, litellm_ready())

    assert (found["litellm"].health, found["litellm"].detail) == ("unhealthy", "exit code 3")


@pytest.mark.parametrize("service", ["litellm", "phoenix"])
def test_another_process_on_the_port_is_not_mistaken_for_the_service(
    service: str, settings: Settings
) -> None:
    found = check(settings, up_and_running(strangers={service}))

    assert found[service].health == "unhealthy"
    assert "used by another process" in found[service].detail


def test_litellm_without_its_database_is_not_healthy_though_it_reports_so(
    settings: Settings,
) -> None:
    found = check(settings, up_and_running(), litellm_without_database())

    assert found["litellm"].health == "starting"
    assert "database Not connected" in found["litellm"].detail


@pytest.mark.parametrize(
    "answer",
    [
        REFUSED,
        httpx.ReadTimeout("timed out"),
        httpx.RemoteProtocolError("disconnected without an answer"),
        httpx.Response(503, json={"status": "healthy", "db": "disconnected"}),
        httpx.Response(200, json={"status": "healthy"}),
        httpx.Response(200, text="<html>another service</html>"),
        httpx.Response(404),
    ],
    ids=lambda answer: f"{type(answer).__name__}-{getattr(answer, 'status_code', '')}",
)
def test_a_service_that_does_not_report_ready_is_starting(
    answer: httpx.Response | Exception, settings: Settings
) -> None:
    found = check(settings, up_and_running(), litellm=answer, phoenix=answer)

    assert found["litellm"].health == "starting"
    assert found["phoenix"].health == "starting"
    assert found["litellm"].detail


def test_a_database_that_accepts_no_connections_is_starting(settings: Settings) -> None:
    found = check(settings, up_and_running(takes_logins=False))

    assert (found["postgres"].health, found["postgres"].detail) == (
        "starting",
        "accepts no connections yet",
    )


def test_services_are_reported_in_dependency_order(settings: Settings) -> None:
    assert list(check(settings, up_and_running())) == ["postgres", "litellm", "phoenix"]


def test_the_configured_ports_are_checked(tmp_path: Path) -> None:
    settings = project(tmp_path, "ports: {litellm: 14000}\n")

    with answers() as http, pytest.raises(Exception, match="14000"):
        check_services(settings, up_and_running(), http)


def test_a_service_that_answers_is_running_even_if_its_supervisor_reports_starting(
    settings: Settings,
) -> None:
    runtime = up_and_running()
    runtime.processes["litellm"] = "starting"

    assert check(settings, runtime)["litellm"].state == "running"
    assert check(settings, runtime, REFUSED)["litellm"].state == "starting"


def test_a_service_whose_port_was_changed_is_reported_where_it_still_runs(tmp_path: Path) -> None:
    settings = project(tmp_path, "ports: {phoenix: 16006, postgres_litellm: 15433}\n")
    runtime = up_and_running(takes_logins=False)

    with httpx.Client(transport=httpx.MockTransport(refuse)) as http:
        found = {each.service: each for each in check_services(settings, runtime, http)}

    assert (found["phoenix"].health, found["phoenix"].detail) == (
        "unhealthy",
        "still runs at http://127.0.0.1:6006; the current settings are http://127.0.0.1:16006",
    )
    assert found["phoenix"].address == "http://127.0.0.1:6006"
    assert found["postgres"].health == "unhealthy"
    assert found["litellm"].health == "starting"


def refuse(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("refused")


def test_a_database_with_another_password_does_not_just_start(settings: Settings) -> None:
    runtime = up_and_running()

    def is_healthy(service: str) -> bool | None:
        if service == "postgres":
            raise DatabasePasswordRefused("PostgreSQL refuses X: it was changed after the start.")
        return None

    runtime.is_healthy = is_healthy  # type: ignore[method-assign]

    assert check(settings, runtime)["postgres"].health == "unhealthy"
