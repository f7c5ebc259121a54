"""Applications of gateway.yaml beside the gateway: the example, built from its own folder."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import reasoning_api
from tests.e2e.conftest import Project, free_ports
from tests.e2e.docker.containers import container_of, docker, inspected, ok

EXAMPLE = Path(__file__).parents[3] / "examples" / "reasoning-api"
APPS = """
apps:
  reasoning-api:
    build: reasoning-api
    ports: ["{port}:8000"]
    key: litellm-dev
    environment:
      MODEL: demo
      STEP_MODEL: demo-step
      CLASSIFIER_MODEL: demo-classifier
"""
MODES = ("passthrough", "reasoning", "auto")


@pytest.fixture
def built() -> Iterator[list[str]]:
    """Build the layers of the example's image once and keep them, so that `up` has little to build.

    The test adds the names that Compose gives the image; they are untagged at the end.
    """
    ok("build", "--quiet", "--tag", "gatewayctl-e2e-reasoning-api", str(EXAMPLE), timeout=600)
    names: list[str] = []
    yield names
    for name in names:
        docker("rmi", "--no-prune", name)


def with_the_example(project: Project) -> str:
    """Add the application to the project as in its README, and return its address."""
    (port,) = free_ports(1)
    caches = shutil.ignore_patterns("__pycache__", ".pytest_cache")
    shutil.copytree(EXAMPLE, project.folder / "reasoning-api", ignore=caches)
    with (project.folder / "gateway.yaml").open("a", encoding="utf-8") as config:
        config.write(APPS.format(port=port))
    return f"http://127.0.0.1:{port}"


def containers(project: Project) -> dict[str, dict[str, Any]]:
    """The `docker inspect` of the application and of the gateway."""
    services = ("reasoning-api", "litellm")
    return {each: inspected(container_of(project.name, each)) for each in services}


def key_of(container: dict[str, Any]) -> str:
    environment: dict[str, str] = dict(line.split("=", 1) for line in container["Config"]["Env"])
    return environment["LLM_API_KEY"]


@pytest.mark.timeout(900)  # the first build downloads packages
def test_the_example_is_started_with_its_key_and_each_request_is_one_tree(
    built: list[str], new_project: Callable[..., Project]
) -> None:
    project = new_project()
    built.append(f"{project.name}-reasoning-api")
    app = with_the_example(project)

    project.ok("up", "--timeout", "280")

    reasoning_api.wait_until_ready(app)
    answers = [reasoning_api.ask(app, mode, stream=mode == "reasoning") for mode in MODES]
    reasoning_api.verify(project.phoenix_url, answers)

    before = containers(project)
    assert key_of(before["reasoning-api"]) == project.secrets()["LITELLM_API_KEY"]
    assert before["reasoning-api"]["Config"]["User"] == "10001:10001"
    health = {each["service"]: each["health"] for each in project.data("status")["services"]}
    assert health["reasoning-api"] == "healthy"

    project.ok("keys", "rotate", "litellm-dev")
    project.ok("up", "--timeout", "280")

    after = containers(project)
    assert key_of(after["reasoning-api"]) == project.secrets()["LITELLM_API_KEY"]
    assert key_of(after["reasoning-api"]) != key_of(before["reasoning-api"])
    assert after["litellm"]["Id"] == before["litellm"]["Id"]
    reasoning_api.wait_until_ready(app)
    assert reasoning_api.ask(app, None, stream=False).path == "passthrough"
    text = ok("logs", after["reasoning-api"]["Id"])
    assert [name for name, value in project.secrets().items() if value and value in text] == []
