"""An application of gateway.yaml in a cluster: it has its key, and each request is one tree."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e import reasoning_api
from tests.e2e.conftest import Project
from tests.e2e.docker.containers import docker, ok
from tests.e2e.kubernetes.cluster import Cluster
from tests.e2e.kubernetes.exposure import find_exposed
from tests.e2e.kubernetes.stacks import new_stack, pods, roll_out

pytestmark = [pytest.mark.full, pytest.mark.timeout(1200)]

EXAMPLE = Path(__file__).parents[3] / "examples" / "reasoning-api"
IMAGE = "gatewayctl-e2e-reasoning-api:1"
APPS = f"""\
apps:
  reasoning-api:
    image: {IMAGE}
    user: 10001
    ports: ["8000:8000"]
    key: litellm-dev
    environment:
      MODEL: demo
      STEP_MODEL: demo-step
      CLASSIFIER_MODEL: demo-classifier
"""
MODES = ("passthrough", "reasoning", "auto")


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The image of the example, which the node has: a cluster builds none."""
    folder = tmp_path_factory.mktemp("example") / "reasoning-api"
    caches = shutil.ignore_patterns("__pycache__", ".pytest_cache")
    shutil.copytree(EXAMPLE, folder, ignore=caches)
    ok("build", "--quiet", "--tag", IMAGE, str(folder), timeout=600)
    yield IMAGE
    docker("rmi", "--no-prune", IMAGE)


def address(cluster: Cluster, project: Project) -> str:
    service = cluster.get("service", "reasoning-api", "--namespace", project.name)
    return f"http://{service['spec']['clusterIP']}:8000"


def key_in_cluster(cluster: Cluster, project: Project) -> str:
    """The key that the application has: in its Secret, as .env names it."""
    secret = cluster.get("secret", "app-reasoning-api", "--namespace", project.name)
    return base64.b64decode(secret["data"]["LITELLM_API_KEY"]).decode()


def test_the_example_is_started_with_its_key_and_each_request_is_one_tree(
    cluster: Cluster, image: str, tmp_path: Path
) -> None:
    with new_stack(cluster, tmp_path, "apps", more=APPS) as project:
        report = roll_out(project, "up")

        assert "reasoning-api" in report["started"]
        app = address(cluster, project)
        reasoning_api.wait_until_ready(app)
        answers = [reasoning_api.ask(app, mode, stream=mode == "reasoning") for mode in MODES]
        reasoning_api.verify(project.phoenix_url, answers)
        health = {each["service"]: each["health"] for each in project.data("status")["services"]}
        assert health["reasoning-api"] == "healthy"
        assert find_exposed(cluster, project) == []
        assert roll_out(project, "up")["changed"] is False

        before = {each: pods(cluster, project, each) for each in ("reasoning-api", "litellm")}
        old = key_in_cluster(cluster, project)
        project.ok("keys", "rotate", "litellm-dev")
        roll_out(project, "up")

        after = {each: pods(cluster, project, each) for each in ("reasoning-api", "litellm")}
        assert key_in_cluster(cluster, project) == project.secrets()["LITELLM_API_KEY"] != old
        assert after["litellm"] == before["litellm"]
        assert after["reasoning-api"].keys().isdisjoint(before["reasoning-api"])
        reasoning_api.wait_until_ready(app)
        assert reasoning_api.ask(app, None, stream=False).path == "passthrough"
        lines = project.data("logs", "reasoning-api")["lines"]
        assert lines
        text = "\n".join(line["text"] for line in lines)
        assert [name for name, value in project.secrets().items() if value and value in text] == []
