from __future__ import annotations

from pathlib import Path

import pytest

from gatewayctl.operations.models.provider_names import suggest_name, warn_without_provider
from tests.fakes.projects import project


@pytest.mark.parametrize(
    ("model", "suggested"),
    [
        ("claude-sonnet-5", "anthropic/claude-sonnet-5"),
        ("gpt-4o", "openai/gpt-4o"),
        ("o3", "openai/o3"),
        ("text-embedding-3-small", "openai/text-embedding-3-small"),
        ("gemini-2.5-pro", "vertex_ai/gemini-2.5-pro"),
        ("my-own-llama", "provider/my-own-llama"),
        ("olive", "provider/olive"),
    ],
)
def test_a_name_without_a_provider_gets_the_one_that_litellm_guesses(
    model: str, suggested: str, tmp_path: Path
) -> None:
    settings = project(tmp_path, f"models: {{mine: {model}}}\n")

    assert suggest_name(settings.models[0]) == suggested
    (warning,) = warn_without_provider(settings)
    assert warning.startswith(f"models.mine: '{model}' names no provider")
    assert warning.endswith(f"Write {suggested}.")


def test_a_server_of_ones_own_speaks_the_protocol_of_openai(tmp_path: Path) -> None:
    server = "{model: llama, api_base: 'http://127.0.0.1:8080/v1', api_key_env: none}"

    settings = project(tmp_path, f"models: {{mine: {server}}}\n")

    assert suggest_name(settings.models[0]) == "openai/llama"


@pytest.mark.parametrize(
    "model",
    [
        "openai/gpt-4o",
        "{model: gpt-4o, params: {custom_llm_provider: openai}}",
        "'*'",
        "{mock_response: fixed}",
    ],
)
def test_a_model_with_a_provider_is_not_pointed_out(model: str, tmp_path: Path) -> None:
    assert warn_without_provider(project(tmp_path, f"models: {{mine: {model}}}\n")) == ()


def test_the_reference_stack_names_its_providers(tmp_path: Path) -> None:
    assert warn_without_provider(project(tmp_path)) == ()
