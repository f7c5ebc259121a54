from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes.projects import problems, project

VALUES = [
    "sk-proj-0123456789abcdefghij",
    "AKIAIOSFODNN7EXAMPLE",
    "ghp_0123456789abcdefghij0123",
    "AIzaSyA0123456789abcdefghijklmnopqrstu",
    "gsk_0123456789abcdefghij0123",
    "hf_0123456789abcdefghij0123",
    "https://user:hunter2@example.org/v1",
    "https://example.org/v1?key=hunter2hunter2",
    "redis://:hunter2@cache:6379/0",
    "-----BEGIN RSA PRIVATE KEY-----",
]
NAMES = [
    "aws_secret_access_key",
    "azure_ad_token",
    "client_secret",
    "password",
    "X-Api-Key",
    "Authorization",
    "aws_session_token",
]


def params(folder: Path, body: str) -> list[str]:
    return problems(folder, f"models:\n  m:\n    model: openai/x\n    params: {body}\n")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("body", ["{{{0}: hunter2}}", "{{extra_headers: {{{0}: hunter2}}}}"])
def test_what_is_named_like_a_secret_must_be_a_reference(
    tmp_path: Path, name: str, body: str
) -> None:
    (found,) = params(tmp_path, body.format(name))

    assert f"{name} contains a secret: write os.environ/NAME instead" in found
    assert "hunter2" not in found


@pytest.mark.parametrize("value", VALUES)
def test_what_looks_like_a_secret_is_refused_under_any_name(tmp_path: Path, value: str) -> None:
    found = [
        *params(tmp_path, f"{{harmless: '{value}'}}"),
        *params(tmp_path, f"{{deep: [{{er: '{value}'}}]}}"),
        *problems(tmp_path, f"models: {{m: {{model: openai/a, api_base: '{value}'}}}}\n"),
        *problems(tmp_path, f"keys: {{k: {{env: K, metadata: {{note: '{value}'}}}}}}\n"),
        *problems(tmp_path, f"components: {{c: {{metadata: {{note: '{value}'}}}}}}\n"),
    ]

    assert len(found) == 5
    assert all("contains a secret" in one and value not in one for one in found)


@pytest.mark.parametrize(
    "body",
    [
        "{max_tokens: 100, max_completion_tokens: '100'}",
        "{input_cost_per_token: 1e-6, output_cost_per_token: 0.5}",
        "{custom_tokenizer: hf/some, prompt_cache_key: session}",
        "{azure_ad_token: oidc/google/https://example.org}",
        "{aws_secret_access_key: os.environ/AWS_SECRET_ACCESS_KEY}",
        "{api_base: 'https://example.org:8443/v1', password: ''}",
        "{use_token: true, password: 'false'}",
    ],
)
def test_what_is_only_named_like_a_secret_is_allowed(tmp_path: Path, body: str) -> None:
    assert params(tmp_path, body) == []


@pytest.mark.parametrize("name", ["LITELLM_MASTER_KEY", "LITELLM_SALT_KEY", "UI_PASSWORD"])
def test_secrets_of_the_stack_are_not_sent_to_a_provider(tmp_path: Path, name: str) -> None:
    (found,) = params(tmp_path, f"{{extra_headers: {{X: os.environ/{name}}}}}")

    assert f"must not use {name}: it would send that secret to the provider" in found


def test_a_reference_needs_the_name_of_a_variable(tmp_path: Path) -> None:
    (found,) = params(tmp_path, "{x: 'os.environ/not a name'}")

    assert "os.environ/ must be followed by the name of a variable" in found


def test_a_reference_in_a_list_is_refused_since_litellm_would_send_its_text(
    tmp_path: Path,
) -> None:
    (found,) = params(tmp_path, "{x: [os.environ/NAME]}")

    assert "LiteLLM does not read os.environ/ inside a list" in found


def test_metadata_may_contain_the_word_secret(tmp_path: Path) -> None:
    settings = project(tmp_path, "components: {c: {metadata: {team: secret-sauce}}}\n")

    assert dict(settings.components[0].metadata) == {"team": "secret-sauce"}


@pytest.mark.parametrize(
    ("body", "is_refused"),
    [
        ("{{fallbacks: [{{my-token: [b]}}]}}", False),
        ("{{model_group_alias: {{my-key: gpt}}}}", False),
        ("{{model_group_alias: {{my-key: {0}}}}}", True),
        ("{{other: {{my-key: gpt}}}}", True),
    ],
)
def test_a_mapping_with_names_of_models_is_checked_by_its_values(
    tmp_path: Path, body: str, is_refused: bool
) -> None:
    assert bool(params(tmp_path, body.format(VALUES[0]))) is is_refused
