"""Failures on the real stack: each refusal has its own error and exit code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.conftest import PROVIDER_KEY, Project
from tests.fakes.upstream import REFUSALS

WRONG = "sk-" + "1" * 32


def error_of(project: Project, *arguments: str) -> tuple[int, dict[str, Any]]:
    """Exit code and error of a command that must fail; its output must have no secret."""
    done = project.run(*arguments, "--json")
    document = json.loads(done.stdout)
    for name, secret in project.secrets().items():
        assert secret not in done.stdout + done.stderr, name
    found: dict[str, Any] = document["error"]
    return done.returncode, found


@pytest.mark.parametrize(
    ("model", "code"),
    [
        ("say-401", "upstream_refused"),
        ("say-429", "upstream_refused"),
        ("say-500", "upstream_refused"),
        ("say-hang", "upstream_timeout"),
    ],
)
def test_a_providers_refusal_is_not_reported_as_the_gateways(
    stack: Project, model: str, code: str
) -> None:
    exit_code, error = error_of(stack, "chat", "--model", model, "hello")

    assert (exit_code, error["code"]) == (6, code)


def test_each_failure_of_a_provider_is_told_apart_with_its_address(stack: Project) -> None:
    done = stack.run("models", "list", "--check", "--json")
    rows = {row["model"]: row for row in json.loads(done.stdout)["data"]["models"]}

    assert done.returncode == 7
    expected = {
        "say-403": "The provider denies access to the model or the region (403): upstream says 403",
        "say-404": "The provider has no such model at this address (404): upstream says 404",
        "say-context": f"The prompt is too long for the model (400): {REFUSALS['say-context']}",
        "say-policy": "The provider's content policy refused the prompt (400): "
        + REFUSALS["say-policy"],
        "say-hang": "The provider did not answer in time: Request timed out",
        "unreachable": "The provider cannot be reached: the connection was refused",
        "unresolvable": "The provider cannot be reached: its host name cannot be resolved",
        "no-tls": "The provider cannot be reached: the TLS handshake failed",
    }
    config = stack.folder / "gateway.yaml"
    declared = yaml.safe_load(config.read_text(encoding="utf-8"))["models"]
    assert {model: rows[model]["check"]["reason"] for model in expected} == {
        model: f"{why.removesuffix('.')}. {model} is served by openai/{model}"
        f" at {declared[model]['api_base']}."
        for model, why in expected.items()
    }
    assert rows["only-reasoning"]["check"]["ok"]


def test_an_unreachable_server_without_a_key_has_no_hint_about_one(stack: Project) -> None:
    exit_code, error = error_of(stack, "chat", "--model", "unreachable", "hello")

    assert (exit_code, error["code"]) == (6, "upstream_unreachable")
    assert error["message"].startswith(
        "The provider cannot be reached: the connection was refused."
    )
    assert "key" not in error["hint"]


@pytest.mark.parametrize(
    ("model", "warning"),
    [
        ("only-reasoning", "The reply has no text, only reasoning: the token limit was reached"),
        ("only-refusal", "The model refused to answer (finish_reason stop): I can't help."),
        ("only-tools", "The model calls get_weather, which chat does not run"),
    ],
)
def test_a_reply_without_text_says_what_came_instead(
    stack: Project, model: str, warning: str
) -> None:
    streamed = stack.run("chat", "--model", model, "hello")
    whole = stack.data("chat", "--model", model, "hello")

    assert (streamed.returncode, streamed.stdout) == (0, "")
    assert f"Warning: {warning}" in streamed.stderr
    assert whole["warnings"][0].startswith(warning)
    found = {
        "only-reasoning": whole["reasoning"] == "Let me think.",
        "only-refusal": whole["refusal"] == "I can't help.",
        "only-tools": whole["tool_calls"] == ["get_weather"],
    }
    assert found[model]


@pytest.mark.parametrize("stream", [True, False])
def test_an_unknown_model_has_a_hint_with_the_declared_ones(stack: Project, stream: bool) -> None:
    arguments = ["chat", "--model", "no-such-model", "hello"] + ([] if stream else ["--no-stream"])

    exit_code, error = error_of(stack, *arguments)

    assert (exit_code, error["code"]) == (6, "unknown_model")
    assert "relay" in error["hint"]


def test_a_wrong_virtual_key_is_refused(stack: Project) -> None:
    stack.extra_env["LITELLM_API_KEY"] = "sk-" + "0" * 32
    try:
        exit_code, error = error_of(stack, "chat", "--model", "demo", "hello")
    finally:
        del stack.extra_env["LITELLM_API_KEY"]

    assert (exit_code, error["code"]) == (6, "virtual_key_refused")


def test_a_master_key_of_the_shell_that_differs_is_refused_when_keys_are_created(
    stack: Project,
) -> None:
    stack.extra_env["LITELLM_MASTER_KEY"] = WRONG
    try:
        exit_code, error = error_of(stack, "keys", "create", "another", "--env", "ANOTHER_KEY")
    finally:
        del stack.extra_env["LITELLM_MASTER_KEY"]

    assert (exit_code, error["code"]) == (3, "environment_shadows")
    assert "unset LITELLM_MASTER_KEY" in error["hint"]
    assert "ANOTHER_KEY" not in stack.secrets()


def test_a_wrong_master_key_is_refused_when_keys_are_created(
    stack: Project, tmp_path: Path
) -> None:
    other = Project(folder=tmp_path, ports=stack.ports)
    port = stack.ports["litellm"]
    (tmp_path / "gateway.yaml").write_text(f"ports: {{litellm: {port}}}\n", encoding="utf-8")
    (tmp_path / ".env").write_text(f"LITELLM_MASTER_KEY={WRONG}\n", encoding="utf-8")
    (tmp_path / ".env").chmod(0o600)

    exit_code, error = error_of(other, "keys", "create", "another", "--env", "ANOTHER_KEY")

    assert (exit_code, error["code"]) == (6, "master_key_refused")
    assert "ANOTHER_KEY" not in other.secrets()


def test_neither_master_key_nor_provider_key_is_ever_sent_for_a_chat(stack: Project) -> None:
    for name in ("LITELLM_MASTER_KEY", "UPSTREAM_API_KEY"):
        exit_code, _ = error_of(stack, "chat", "--key-env", name, "--model", "demo", "hello")

        assert exit_code == 2, name
    assert stack.secrets()["UPSTREAM_API_KEY"] == PROVIDER_KEY


def test_a_foreign_key_of_the_same_alias_is_not_changed(stack: Project) -> None:
    import httpx

    master = stack.secrets()["LITELLM_MASTER_KEY"]
    headers = {"authorization": f"Bearer {master}"}
    created = httpx.post(
        f"{stack.gateway_url}/key/generate",
        headers=headers,
        json={"key_alias": "by-hand"},
        timeout=30,
    ).raise_for_status()

    exit_code, error = error_of(stack, "keys", "create", "by-hand")

    assert (exit_code, error["code"]) == (6, "key_alias_exists")
    listed = {key["alias"]: key["state"] for key in stack.data("keys", "list")["keys"]}
    assert listed["by-hand"] == "foreign"
    assert created.json()["key"] not in str(stack.secrets())


def test_an_unknown_service_is_an_error(stack: Project) -> None:
    exit_code, error = error_of(stack, "logs", "redis")

    assert (exit_code, error["code"]) == (4, "unknown_service")
