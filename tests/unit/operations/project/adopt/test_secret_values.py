from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewayctl.operations.project.adopt.secret_values import is_secret
from gatewayctl.settings import plain_secrets
from gatewayctl.settings.litellm.yaml_text import Value
from gatewayctl.settings.load import load_settings
from tests.unit.operations.project.adopt.adopting import adopt_text

NAMES = (
    *("api_key", "langfuse_public_key", "azure_ad_token", "X-Api-Key", "Authorization", "my_pass"),
    *("aws_secret_access_key", "client_secret", "private_data", "credentials", "key", "auth_value"),
    *("vertex_credentials", "access_tokenX", "cookie", "model", "prompt_cache_key", "max_tokens"),
)
VALUES = (
    *("123-456", "+1.2.3", "1_2", "1e5", "nan", "2024-01-01", "a", "x/y", "a/b.json", "foo.pem"),
    *("sk-no-key-required x", "dummy", " EMPTY ", " x ", "../a", "./k", "foo.cer", "a.p12", "~/x"),
    *("AKIA0123456789ABCDEF", "oidc/x", "OIDC/x", "-", "...", "___", "os.environ/X", "", " "),
    *("x os.environ/X", "ghp_0123456789abcdefghij os.environ/X", "https://u:p@h/os.environ/X"),
)


@given(
    st.one_of(st.sampled_from(NAMES), st.text(max_size=20)),
    st.one_of(st.sampled_from(VALUES), st.text(max_size=30)),
)
def test_what_the_settings_refuse_is_found_as_a_secret(name: str, value: str) -> None:
    at = Value(path=("litellm_settings", name), value=value, line=1, span=(0, 1))
    refused = not value.startswith("os.environ/") and plain_secrets.is_secret(name, value)
    assert is_secret(at) or not refused


@pytest.mark.parametrize(
    "section",
    [
        "guardrails: [{guardrail_name: p, litellm_params: {pii_entities_config: {PIN_TOKEN: A}}}]",
        "router_settings: {model_group_alias: {my-key: gpt}, fallbacks: [{a-token: [b]}]}",
        "litellm_settings: {langfuse_public_key: 123-456-789}",
        "default_vertex_config: {vertex_credentials: /run/secrets/google}",
        "litellm_settings: {langfuse_secret: dummy, aws_secret_access_key: oidc/x}",
    ],
)
def test_an_adopted_configuration_has_nothing_that_is_refused(tmp_path: Path, section: str) -> None:
    adopted = adopt_text(tmp_path, f"model_list: []\n{section}\n")
    project = tmp_path / "new"
    (project / "litellm.yaml").write_text(adopted.text)
    (project / "gateway.yaml").write_text("litellm: litellm.yaml\n")
    assert load_settings(project, environ={}).litellm is not None


@pytest.mark.parametrize("section", sorted(plain_secrets.NAMED_BY_OTHERS))
def test_a_real_secret_in_a_mapping_with_foreign_names_is_found(
    tmp_path: Path, section: str
) -> None:
    key = "sk-fake-0123456789abcdef"
    adopted = adopt_text(tmp_path, f"litellm_settings: {{{section}: {{my-name: {key}}}}}\n")
    assert key not in adopted.text
