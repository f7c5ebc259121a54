"""What `plan` says beforehand is what a start really does: one setting changed at a time."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from gatewayctl.runtimes.embedded.environment import Environment
from tests.e2e.conftest import Project, free_ports, make_project

Change = Callable[[Project], None]


def predicted(project: Project) -> dict[str, Any]:
    """The data of `plan`, which ends with 8 where there is anything to do."""
    done = project.run("plan", "--json")
    document = json.loads(done.stdout)
    assert done.returncode == (8 if document["data"]["changed"] else 0), done.stderr
    data: dict[str, Any] = document["data"]
    return data


def moved(report: dict[str, Any]) -> set[str]:
    return {each["service"] for each in report["services"] if each["action"] != "untouched"}


START = """
import sys
from pathlib import Path
from gatewayctl.operations.render import render
from gatewayctl.runtimes.registry import resolve
from gatewayctl.settings.load import load
settings = load(Path(sys.argv[1]))
runtime = resolve(settings).runtime
runtime.preflight()
render(settings, runtime="embedded")
list(runtime.start())
"""
"""What `up` does up to the point where it waits."""


def started(project: Project) -> None:
    # A process of its own: the supervisor outlives whoever starts it.
    words = [sys.executable, "-c", START, str(project.folder)]
    subprocess.run(words, env=project.environment(), check=True, timeout=120)


def pids(project: Project) -> dict[str, int | None]:
    done = project.run("status", "--json")
    return {each["service"]: each["pid"] for each in json.loads(done.stdout)["data"]["services"]}


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


def yaml(line: str) -> Change:
    """A line more in gateway.yaml."""

    def change(project: Project) -> None:
        file = project.folder / "gateway.yaml"
        file.write_text(file.read_text() + line + "\n")

    return change


def port(name: str) -> Change:
    def change(project: Project) -> None:
        file = project.folder / "gateway.yaml"
        (new,) = free_ports(1)
        file.write_text(
            file.read_text().replace(f"{name}: {project.ports[name]}", f"{name}: {new}")
        )
        project.ports[name] = new

    return change


def env(name: str, value: str) -> Change:
    def change(project: Project) -> None:
        file = project.folder / ".env"
        lines = [li for li in file.read_text().splitlines() if not li.startswith(f"{name}=")]
        file.write_text("\n".join([*lines, f"{name}={value}"]) + "\n")

    return change


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
    assert {service for service in after if after[service] != before[service]} == said == expected
    assert moved(predicted(project)) == set()


def test_a_service_that_ended_is_started_and_the_others_stay(project: Project) -> None:
    project.ok("down")

    report = predicted(project)

    assert {each["service"]: each["action"] for each in report["services"]} == dict.fromkeys(
        ("postgres", "litellm", "phoenix"), "start"
    )
    assert report["downtime"] == []
