from __future__ import annotations

from pathlib import Path

import pytest

from gatewayctl.operations.models.provider_names import warn_without_provider
from tests.fakes.projects import project

CONFIG = "litellm: {{model_list: [{{model_name: mine, litellm_params: {params}}}]}}\n"


@pytest.mark.parametrize(
    ("params", "suggested"),
    [
        ("{model: my-own-llama}", "provider/my-own-llama"),
        ("{model: llama, api_base: 'http://127.0.0.1:8080/v1'}", "openai/llama"),
    ],
)
def test_a_deployment_that_litellm_may_not_serve_is_pointed_out(
    params: str, suggested: str, tmp_path: Path
) -> None:
    (warning,) = warn_without_provider(project(tmp_path, CONFIG.format(params=params)))

    assert warning.startswith("model_list: mine: ")
    assert warning.endswith(f"Write {suggested}.")


@pytest.mark.parametrize(
    "params",
    [
        "{model: openai/gpt-4o}",
        "{model: gpt-4o}",
        "{model: llama, custom_llm_provider: openai}",
        "{model: '*'}",
    ],
)
def test_a_deployment_with_a_provider_is_not_pointed_out(params: str, tmp_path: Path) -> None:
    assert warn_without_provider(project(tmp_path, CONFIG.format(params=params))) == ()


def test_the_reference_stack_names_its_providers(tmp_path: Path) -> None:
    assert warn_without_provider(project(tmp_path)) == ()
