"""What `plan` says beforehand is what a start really does: one setting changed at a time."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gatewayctl.runtimes.embedded.environment import Environment
from tests.e2e.conftest import Project, make_project
from tests.e2e.one_change import Change, env, moved, pids, port, predicted, started, yaml


@pytest.fixture(scope="module")
def project(
    embedded_environment: Environment, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Project]:
    assert embedded_environment.complete
    made = make_project(tmp_path_factory.mktemp("plan"))
    made.ok("init")
    try:
        started(made)
        yield made
    finally:
        made.run("down")


CHANGES: dict[str, tuple[Change, set[str]]] = {
    "OPENAI_API_KEY": (env("OPENAI_API_KEY", "sk-another-0123456789"), {"litellm"}),
    "UI_PASSWORD": (env("UI_PASSWORD", "another-0123456789"), {"litellm"}),
    "LITELLM_MASTER_KEY": (env("LITELLM_MASTER_KEY", "sk-" + "5" * 40), {"litellm"}),
    "LITELLM_API_KEY": (env("LITELLM_API_KEY", "sk-virtual-0123456789"), set()),
    "a variable LiteLLM may read": (env("AZURE_API_VERSION", "2026-01-01"), {"litellm"}),
    "ports.phoenix": (port("phoenix"), {"litellm", "phoenix"}),
    "PHOENIX_COLLECTOR_HTTP_ENDPOINT": (
        env("PHOENIX_COLLECTOR_HTTP_ENDPOINT", "http://127.0.0.1:9/v1/traces"),
        {"litellm"},
    ),
    "models": (
        yaml("models: {mine: {model: openai/mine, api_key_env: OPENAI_API_KEY}}"),
        {"litellm"},
    ),
    "keys": (yaml("keys: {litellm-dev: {env: LITELLM_API_KEY, metadata: {team: a}}}"), set()),
    "components": (yaml("components: {another: {}}"), set()),
    "profile": (yaml("profile: production"), {"litellm"}),
    "ports.litellm": (port("litellm"), {"litellm"}),
    "ports.phoenix_grpc": (port("phoenix_grpc"), {"phoenix"}),
    "ports.postgres_litellm": (port("postgres_litellm"), {"litellm", "phoenix", "postgres"}),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_plan_says_is_what_changes_and_nothing_more(name: str, project: Project) -> None:
    change, expected = CHANGES[name]
    before = pids(project)

    change(project)
    said = moved(predicted(project))
    assert pids(project) == before
    started(project)

    after = pids(project)
    real = {service for service in after if after[service] != before[service]}
    assert real == said
    assert real == expected
    assert moved(predicted(project)) == set()


def test_a_service_that_ended_is_started_and_the_others_stay(project: Project) -> None:
    project.ok("down")

    report = predicted(project)

    assert {each["service"]: each["action"] for each in report["services"]} == dict.fromkeys(
        ("postgres", "litellm", "phoenix"), "start"
    )
    assert report["downtime"] == []
