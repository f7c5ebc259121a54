"""One setting of a project changed at a time, and what a start then did: for any runtime.

What was started anew is told by the identities of services: a process, a container.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any

from tests.e2e.conftest import Project, free_ports

Change = Callable[[Project], None]
Identities = Callable[[Project], Mapping[str, object]]
"""By service, what is another value when the service was started anew."""


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
from gatewayctl.operations.project.render import render
from gatewayctl.runtimes.registry import resolve_runtime
from gatewayctl.settings.load import load_settings
settings = load_settings(Path(sys.argv[1]))
runtime = resolve_runtime(settings).runtime
runtime.preflight()
render(settings, runtime=runtime.name)
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


def publish(name: str) -> Change:
    """Publish a port that is not published by default."""

    def change(project: Project) -> None:
        file = project.folder / "gateway.yaml"
        (new,) = free_ports(1)
        file.write_text(file.read_text().replace("ports:\n", f"ports:\n  {name}: {new}\n"))

    return change


def env(name: str, value: str) -> Change:
    def change(project: Project) -> None:
        file = project.folder / ".env"
        lines = [li for li in file.read_text().splitlines() if not li.startswith(f"{name}=")]
        file.write_text("\n".join([*lines, f"{name}={value}"]) + "\n")

    return change


ON_EVERY_RUNTIME: dict[str, tuple[Change, set[str]]] = {
    "OPENAI_API_KEY": (env("OPENAI_API_KEY", "sk-another-0123456789"), {"litellm"}),
    "UI_PASSWORD": (env("UI_PASSWORD", "another-0123456789"), {"litellm"}),
    "LITELLM_API_KEY": (env("LITELLM_API_KEY", "sk-virtual-0123456789"), set()),
    "PHOENIX_COLLECTOR_HTTP_ENDPOINT": (
        env("PHOENIX_COLLECTOR_HTTP_ENDPOINT", "http://127.0.0.1:9/v1/traces"),
        {"litellm"},
    ),
    "a variable of another application": (env("AZURE_API_VERSION", "2026-01-01"), set()),
    "models": (
        yaml("models: {mine: {model: openai/mine, api_key_env: OPENAI_API_KEY}}"),
        {"litellm"},
    ),
    "keys": (yaml("keys: {litellm-dev: {env: LITELLM_API_KEY, metadata: {team: a}}}"), set()),
    "components": (yaml("components: {another: {}}"), set()),
    "ports.litellm": (port("litellm"), {"litellm"}),
}
"""Changes, one after the other, and the services that each starts anew."""


def assert_plan_comes_true(
    project: Project, change: Change, expected: set[str], identities: Identities
) -> None:
    """`plan` names the services that a start then begins anew, no other, and touches nothing."""
    before = identities(project)

    change(project)
    said = moved(predicted(project))
    assert identities(project) == before
    started(project)

    after = identities(project)
    real = {service for service in after if after[service] != before[service]}
    assert real == said
    assert real == expected
    assert moved(predicted(project)) == set()
