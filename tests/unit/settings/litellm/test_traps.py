from __future__ import annotations

from pathlib import Path

import pytest

from gatewayctl.operations.models.warnings import warn_of_models
from tests.unit.settings.litellm.test_read import MODEL, complaints, load

DEPLOYMENT = "model_list:\n- model_name: {name}\n  litellm_params: {{model: azure/x, {params}}}\n"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (
            "router_setings: {}",
            "line 1 column 1: unknown section 'router_setings' of LiteLLM (did ",
        ),
        ("model_list: {}", "line 1 column 13: model_list must be a list"),
        ("litellm_settings: []", "line 1 column 19: litellm_settings must be a mapping"),
        ("model_list: [7]", "line 1 column 14: model_list[0] must be a mapping with model_name"),
        (
            "model_list:\n- litellm_params: {model: openai/x}",
            "line 2 column 3: model_list[0].model_name is missing",
        ),
        (
            DEPLOYMENT.format(name="4", params="a: 1"),
            "line 2 column 15: model_list[0].model_name must be a string: put 4 in quotes",
        ),
        (
            DEPLOYMENT.format(name="m", params="api_version: 2024-10-21"),
            "line 3 column 49: model_list[0].litellm_params.api_version is a date in YAML",
        ),
        (
            DEPLOYMENT.format(name="m", params="api_key: 12345"),
            "line 3 column 45: model_list[0].litellm_params.api_key is not a string",
        ),
        (
            "litellm_settings: {success_callback: langfuse}",
            "line 1 column 38: litellm_settings.success_callback must be a list",
        ),
        (
            "litellm_settings: {callbacks: prometheus}",
            "line 1 column 31: litellm_settings.callbacks must be a list",
        ),
        ("litellm_settings: {}\nlitellm_settings: {}", "line 2 column 1: 'litellm_settings' is "),
        (
            "litellm_settings: {tags: [os.environ/A]}",
            "line 1 column 27: litellm_settings.tags[0]: LiteLLM does not read os.environ/ inside",
        ),
        (
            "litellm_settings: {a: 'x os.environ/A'}",
            "line 1 column 23: litellm_settings.a: LiteLLM reads os.environ/A only where it is",
        ),
        (
            "environment_variables: {A: b}\nlitellm_settings: {a: os.environ/A}",
            "line 2 column 23: litellm_settings.a: LiteLLM reads A before environment_variables",
        ),
        (
            "general_settings: {master_key: sk-0123456789abcdefghij}",
            "line 1 column 32: general_settings.master_key contains a secret: write os.environ/",
        ),
        (
            "litellm_settings: {cache_params: {password: plain-password-1}}",
            "line 1 column 45: litellm_settings.cache_params.password contains a secret",
        ),
    ],
)
def test_what_litellm_drops_or_misreads_is_named_with_its_line(
    text: str, complaint: str, tmp_path: Path
) -> None:
    found = complaints(tmp_path, litellm_yaml=f"{text}\n")

    assert found[0].startswith(f"litellm.yaml {complaint}")
    assert "plain-password-1" not in str(found)


def test_what_only_looks_like_a_trap_is_left_alone(tmp_path: Path) -> None:
    text = MODEL + (
        "x-azure: &azure {api_version: '2024-10-21'}\n"
        "credential_list: [{credential_name: mine, credential_values: {api_key: os.environ/A}}]\n"
        "general_settings:\n"
        "  master_key: os.environ/OTHER_MASTER_KEY\n"
        "  key_management_settings: {primary_secret_name: mine}\n"
        "  pass_through_endpoints: [{path: /a, headers: {Authorization: Bearer os.environ/B}}]\n"
        "litellm_settings: {callbacks: litellm.proxy.custom_hooks.x, cache_params: {type: s3}}\n"
    )

    assert load(tmp_path, litellm_yaml=text).litellm is not None


def test_what_gatewayctl_replaces_and_what_is_not_set_are_warnings(tmp_path: Path) -> None:
    text = (
        "model_list: [{model_name: m, litellm_params: {model: openai/m}}]\n"
        "general_settings: {master_key: os.environ/OTHER, database_url: os.environ/DATABASE_URL}\n"
        "litellm_settings: {cache_params: {host: os.environ/REDIS_HOST}}\n"
    )

    assert warn_of_models(load(tmp_path, litellm_yaml=text)) == (
        (
            "litellm.yaml line 2 column 20: general_settings.master_key: gatewayctl's"
            " os.environ/LITELLM_MASTER_KEY counts instead"
        ),
        (
            "litellm.yaml line 3 column 41: REDIS_HOST is not set: LiteLLM reads nothing here;"
            " put it into .env"
        ),
    )
