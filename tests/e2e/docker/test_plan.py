"""What `plan` says beforehand is what a start does to containers: one setting changed at a time."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.e2e.conftest import Project
from tests.e2e.docker.conftest import new_stack
from tests.e2e.docker.containers import ok
from tests.e2e.one_change import Change, env, moved, port, predicted, started, yaml

ALL = {"litellm", "phoenix", "postgres-litellm", "postgres-phoenix"}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    with new_stack(tmp_path_factory.mktemp("plan")) as made:
        made.ok("init")
        started(made)
        yield made


def ids(project: Project) -> dict[str, str]:
    """Service → the id of its container."""
    text = (project.folder / "gateway.yaml").read_text()
    (name,) = re.findall(r"^project_name: (\S+)$", text, re.MULTILINE)
    form = '{{.Label "com.docker.compose.service"}} {{.ID}}'
    mine = f"label=com.docker.compose.project={name}"
    lines = ok("ps", "--all", "--filter", mine, "--format", form).splitlines()
    return dict(line.split() for line in lines)


CHANGES: dict[str, tuple[Change, set[str]]] = {
    "OPENAI_API_KEY": (env("OPENAI_API_KEY", "sk-another-0123456789"), {"litellm"}),
    "UI_PASSWORD": (env("UI_PASSWORD", "another-0123456789"), {"litellm"}),
    "LITELLM_API_KEY": (env("LITELLM_API_KEY", "sk-virtual-0123456789"), set()),
    "a variable of nobody": (env("SOMETHING_ELSE", "1"), set()),
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
    "ports.litellm": (port("litellm"), {"litellm"}),
    # Compose makes anew what needs a container that it makes anew.
    "ports.phoenix": (port("phoenix"), {"phoenix", "litellm"}),
    "ports.phoenix_grpc": (port("phoenix_grpc"), {"phoenix", "litellm"}),
    "ports.postgres_litellm": (port("postgres_litellm"), {"postgres-litellm", "litellm"}),
    "ports.postgres_phoenix": (
        port("postgres_phoenix"),
        {"postgres-phoenix", "phoenix", "litellm"},
    ),
    "bind": (yaml("bind: 127.0.0.2"), ALL),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_plan_says_is_what_changes_and_nothing_more(name: str, project: Project) -> None:
    change, expected = CHANGES[name]
    before = ids(project)

    change(project)
    said = moved(predicted(project))
    assert ids(project) == before
    started(project)

    after = ids(project)
    real = {service for service in after if after[service] != before[service]}
    assert real == said
    assert real == expected
    assert moved(predicted(project)) == set()


def test_a_password_that_data_depends_on_is_said_to_be_a_risk(project: Project) -> None:
    before = (project.folder / ".env").read_text()
    env("LITELLM_POSTGRES_PASSWORD", "another0123456789abcdef")(project)

    report = predicted(project)

    (project.folder / ".env").write_text(before)
    assert "LITELLM_POSTGRES_PASSWORD" in report["data_at_risk"][0]
    assert moved(report) == {"litellm", "postgres-litellm"}
