from __future__ import annotations

import ast
from pathlib import Path

import pytest
import yaml

from gatewayctl.rendering.kubernetes import labels, objects
from gatewayctl.rendering.kubernetes.environment import litellm_environment
from gatewayctl.rendering.kubernetes.services import BUSY_SECONDS
from gatewayctl.rendering.plan import plan_files
from tests.fakes.projects import project


def test_a_project_whose_name_ends_with_a_hyphen_has_valid_labels(tmp_path: Path) -> None:
    settings = project(tmp_path, "project_name: shop-\n")

    assert labels.selector(settings, "litellm") == {
        "app.kubernetes.io/instance": "shop",
        "app.kubernetes.io/name": "litellm",
    }
    assert labels.service_account(settings) == "gatewayctl-shop"


@pytest.mark.parametrize(
    ("models", "seconds"),
    [
        ("{a: {model: openai/a, timeout: 30}}", 600),
        ("{a: {model: openai/a, timeout: 900.5}}", 901),
        ("{a: {model: openai/a, timeout: 100000}}", 3600),
    ],
)
def test_a_pod_waits_for_the_longest_request(tmp_path: Path, models: str, seconds: int) -> None:
    settings = project(tmp_path, f"models: {models}\n")

    command = objects.drain_command(settings)[-1]

    assert objects.grace_seconds(settings) == 10 + seconds + 20
    assert f"timeout={seconds})" in command


def test_a_pod_that_is_only_busy_stays_in_the_service(tmp_path: Path) -> None:
    settings = project(tmp_path)
    variables = {each["name"]: each.get("value") for each in litellm_environment(settings)}

    probe = objects.litellm_life(settings)["readinessProbe"]

    # Past its deadline for a lookup LiteLLM says 503, and not only to that call.
    assert variables["PROXY_DB_LOOKUP_DEADLINE_SECONDS"] == str(BUSY_SECONDS)
    assert probe["timeoutSeconds"] == BUSY_SECONDS


@pytest.mark.parametrize(
    ("more", "seconds"),
    [("", "75"), ("services: {litellm: {environment: {KEEPALIVE_TIMEOUT: 630}}}\n", "630")],
)
def test_idle_connections_are_kept_for_longer_than_load_balancers_keep_them(
    tmp_path: Path, more: str, seconds: str
) -> None:
    settings = project(tmp_path, more)
    files = {file.path.name: file.content for file in plan_files(settings, runtime="docker")}

    in_pod = [each for each in litellm_environment(settings) if each["name"] == "KEEPALIVE_TIMEOUT"]

    assert in_pod == [{"name": "KEEPALIVE_TIMEOUT", "value": seconds}]
    services = yaml.safe_load(files["docker-compose.yml"])["services"]
    assert services["litellm"]["environment"]["KEEPALIVE_TIMEOUT"] == seconds
    assert files["docker-compose.yml"].count("KEEPALIVE_TIMEOUT:") == 1


def test_the_commands_in_containers_are_python(tmp_path: Path) -> None:
    for command in (objects.started_command(), objects.drain_command(project(tmp_path))):
        assert command[:2] == ["python3", "-ISc"]
        ast.parse(command[2])


@pytest.mark.parametrize(
    ("apps", "level"),
    [
        ("", "restricted"),
        ("{web: {image: 'w:1', user: 7}}", "restricted"),
        ("{w: 'w:1'}", "baseline"),
    ],
)
def test_the_namespace_enforces_what_every_pod_can_keep(
    tmp_path: Path, apps: str, level: str
) -> None:
    settings = project(tmp_path, f"apps: {apps}\n")

    assert objects.pod_security_level(settings) == level
