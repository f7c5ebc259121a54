from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from gatewayctl.operations.diagnosis.external import ExternalKind, ExternalService
from gatewayctl.operations.stack.status import KeyStatus, StatusReport, status
from gatewayctl.runtimes.database_shell import DatabaseName
from gatewayctl.runtimes.external_database import ExternalShell
from gatewayctl.settings.declared.external_services import parse_database_url
from gatewayctl.settings.model import Secret, Settings
from tests.fakes.answers import REFUSED, answers
from tests.fakes.projects import project
from tests.fakes.runtime import FakeRuntime, resolved, up_and_running


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return project(tmp_path / "shop", env="LITELLM_API_KEY=sk-virtual-0123456789\n")


def look(
    settings: Settings, runtime: FakeRuntime, litellm: httpx.Response | Exception | None = None
) -> StatusReport:
    with answers([litellm] if litellm else None) as http:
        return status(settings, resolved(runtime), http)


def test_a_healthy_stack_has_no_problem(settings: Settings) -> None:
    report = look(settings, up_and_running())

    assert report.healthy
    assert report.problem is None
    assert (report.project, report.runtime, report.runtime_why) == (
        "shop",
        "embedded",
        "the test says so",
    )
    assert (report.gateway_url, report.phoenix_url) == (
        "http://127.0.0.1:4000",
        "http://127.0.0.1:6006",
    )


@pytest.mark.parametrize(
    ("gateway_yaml", "sample"),
    [
        ("", 1.0),
        ("tracing: {sample: 0.1}", 0.1),
        ("tracing: none", None),
    ],
)
def test_the_share_of_the_traced_requests_is_shown(
    tmp_path: Path, gateway_yaml: str, sample: float | None
) -> None:
    assert look(project(tmp_path, gateway_yaml), up_and_running()).trace_sample == sample


def test_the_sample_of_a_gateway_of_others_is_not_known(tmp_path: Path) -> None:
    text = "runtime: external\nexternal: {url: 'https://gateway.example.com'}\n"
    settings = project(tmp_path, text)

    with answers([httpx.Response(200)] * 9) as http:
        assert status(settings, resolved(FakeRuntime()), http).trace_sample is None


def test_looking_changes_nothing(settings: Settings) -> None:
    runtime = up_and_running()

    look(settings, runtime)

    assert runtime.calls == ["states"]
    assert not settings.state_dir.exists()


def test_the_services_that_are_not_healthy_are_named(settings: Settings) -> None:
    runtime = up_and_running()
    runtime.processes["phoenix"] = "failed"

    problem = look(settings, runtime, REFUSED).problem

    assert problem is not None
    assert problem.message == (
        "The stack is not healthy: litellm is starting, phoenix is unhealthy."
    )
    assert problem.exit_code == 4
    assert problem.hint.startswith("See `gatewayctl logs phoenix`.")


def test_a_stack_that_does_not_run_is_to_be_started(settings: Settings) -> None:
    problem = look(settings, FakeRuntime(), REFUSED).problem

    assert problem is not None
    assert problem.exit_code == 4
    assert problem.hint == "Start the stack with `gatewayctl up`."


def test_a_folder_without_a_project_is_not_a_stopped_stack(tmp_path: Path) -> None:
    report = look(project(tmp_path / "empty"), FakeRuntime(), REFUSED)

    assert not report.is_project
    assert report.problem is not None
    assert report.problem.exit_code == 4
    assert report.problem.message == "There is no gateway project in this folder."
    assert "`gatewayctl init`" in report.problem.hint


def test_a_stack_whose_files_were_deleted_is_shown(tmp_path: Path) -> None:
    assert look(project(tmp_path / "empty"), up_and_running()).is_project


def test_declared_keys_are_listed_with_their_value_in_env(settings: Settings) -> None:
    assert look(settings, FakeRuntime()).keys == (
        KeyStatus(alias="litellm-dev", env="LITELLM_API_KEY", key=Secret("sk-virtual-0123456789")),
        KeyStatus(alias="litellm-eval", env="LITELLM_EVAL_KEY", key=None),
    )


@pytest.mark.parametrize(
    ("kind", "advice"),
    [("otlp", "tracing: in gateway.yaml"), ("postgres", "Correct the URL in .env")],
)
def test_a_service_of_others_that_cannot_be_used_has_its_own_hint(
    kind: ExternalKind, advice: str, settings: Settings
) -> None:
    other = ExternalService(name="it", kind=kind, address="x", usable=False, detail="is away")

    report = replace(look(settings, up_and_running()), healthy=False, external=(other,))

    assert report.problem is not None
    assert "it is away" in report.problem.message
    assert advice in report.problem.hint
    assert "gatewayctl logs" not in report.problem.hint


class Cautious(FakeRuntime):
    """A runtime that would have to start something to reach a database of others."""

    def shell(self, database: DatabaseName) -> ExternalShell:  # type: ignore[override]
        url = parse_database_url("postgresql://owner:pass@db/gateway")
        return ExternalShell(
            url=url, program=lambda _: ("false",), base={}, look=lambda _: "that needs a pod"
        )


def test_a_stack_is_healthy_whose_database_could_not_be_looked_at(tmp_path: Path) -> None:
    text = "services: {postgres: {url_env: MY_URL}}\n"
    settings = project(tmp_path, text, env="MY_URL=postgresql://owner:pass@db/gateway\n")

    report = look(settings, Cautious(processes=up_and_running().processes))

    assert [(each.usable, each.detail) for each in report.external] == [(None, "that needs a pod")]
    assert report.healthy


def test_a_database_of_others_that_was_not_checked_is_no_fault(settings: Settings) -> None:
    other = ExternalService(
        name="postgres", kind="postgres", address="x", usable=None, detail="that needs a pod"
    )
    away = replace(other, name="store", kind="otlp", usable=False, detail="is away")

    healthy = replace(look(settings, up_and_running()), external=(other,))
    report = replace(healthy, healthy=False, external=(other, away))

    assert healthy.problem is None
    assert report.problem is not None
    assert report.problem.message == "The stack is not healthy: store is away."
    assert "Correct the URL" not in report.problem.hint
