"""One table for both runtimes: which variables of .env and of the environment reach LiteLLM."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import yaml

from gatewayctl.rendering.plan import plan_files
from gatewayctl.runtimes.embedded.environment import Environment
from gatewayctl.runtimes.embedded.layout import Layout
from gatewayctl.runtimes.embedded.services import litellm_program
from gatewayctl.settings.model import Settings
from tests.fakes.projects import MASTER_KEY, project

STACK = f"""\
LITELLM_MASTER_KEY={MASTER_KEY}
LITELLM_SALT_KEY=sk-salt-0123456789
LITELLM_POSTGRES_PASSWORD=password-of-litellm
POSTGRES_PASSWORD=password-of-phoenix
UI_PASSWORD=password-of-the-ui
"""
# The form of gatewayctl's own virtual keys is also that of DeepSeek's.
LIKE_A_VIRTUAL_KEY = "sk-0123456789abcdef0123456789abcdef"
OPENAI = "{m: gpt-4o}"
REACHES = [
    (OPENAI, "OPENAI_API_KEY", "sk-proj-0123456789"),
    (OPENAI, "OPENAI_API_KEY", LIKE_A_VIRTUAL_KEY),
    ("{m: deepseek/deepseek-chat}", "DEEPSEEK_API_KEY", LIKE_A_VIRTUAL_KEY),
    ("{m: {model: openai/x, api_key_env: MINE}}", "MINE", LIKE_A_VIRTUAL_KEY),
    ("{m: {model: openai/x, params: {organization: os.environ/ORG}}}", "ORG", "org-1"),
    ("{m: bedrock/x}", "AWS_SECRET_ACCESS_KEY", "aws-0123456789"),
    ("{m: bedrock/x}", "AWS_REGION", "eu-west-1"),
    ("{m: azure/x}", "AZURE_API_BASE", "https://mine.openai.azure.com"),
    (OPENAI, "PHOENIX_COLLECTOR_HTTP_ENDPOINT", "http://collector:4318/v1/traces"),
]
DOES_NOT_REACH = [
    (OPENAI, "STRIPE_SECRET_KEY", "sk_live_0123456789"),
    (OPENAI, "DATABASE_PASSWORD", "of-the-application"),
    (OPENAI, "ANTHROPIC_API_KEY", "sk-ant-api03-0123456789"),
    (OPENAI, "BATCH_JOB_KEY", LIKE_A_VIRTUAL_KEY),
    (OPENAI, "LITELLM_API_KEY", LIKE_A_VIRTUAL_KEY),
    (OPENAI, "POSTGRES_PASSWORD", "password-of-phoenix"),
    (OPENAI, "AWS_SECRET_ACCESS_KEY", "aws-0123456789"),
    (OPENAI, "DIRECT_URL", "postgresql://app:secret@db/app"),
    (OPENAI, "LD_PRELOAD", "/tmp/library.so"),
]
ROWS = [*((*row, True) for row in REACHES), *((*row, False) for row in DOES_NOT_REACH)]
CASES = [
    pytest.param(place, *row, id=f"{row[1]} {'reaches' if row[3] else 'does not'} from {place}")
    for row in ROWS
    for place in ("env file", "environment")
    # The address of the collector is set in .env.
    if (place, row[1]) != ("environment", "PHOENIX_COLLECTOR_HTTP_ENDPOINT")
]


def embedded(settings: Settings, set_by_user: Mapping[str, str]) -> Mapping[str, str]:
    environment = Environment(root=settings.project_dir / "environment")
    layout = Layout(state_dir=settings.state_dir)
    return litellm_program(settings, environment, layout, os.environ).environment


def docker(settings: Settings, set_by_user: Mapping[str, str]) -> Mapping[str, str]:
    """The environment of the container, with what Compose inserts."""
    files = {file.path.name: file.content for file in plan_files(settings, runtime="docker")}
    compose = yaml.safe_load(files["docker-compose.yml"])
    found = {}
    for name, value in compose["services"]["litellm"]["environment"].items():
        refers = value is None or str(value).startswith(f"${{{name}")
        found[name] = set_by_user.get(name, "") if refers else str(value)
    return found


@pytest.mark.parametrize("runtime", [embedded, docker], ids=["embedded", "docker"])
@pytest.mark.parametrize(("place", "models", "name", "value", "expected"), CASES)
def test_litellm_gets_the_declared_variables_and_no_others_on_both_runtimes(
    runtime: Callable[[Settings, Mapping[str, str]], Mapping[str, str]],
    place: str,
    models: str,
    name: str,
    value: str,
    expected: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    environ = {name: value} if place == "environment" else {}
    for variable, text in environ.items():
        monkeypatch.setenv(variable, text)
    settings = project(
        tmp_path / "shop",
        f"models: {models}\n",
        env=STACK + ("" if environ else f"{name}='{value}'\n"),
        environ=environ,
    )

    found = runtime(settings, {name: value})

    assert (found.get(name) == value) is expected
    assert (value in found.values()) is expected
