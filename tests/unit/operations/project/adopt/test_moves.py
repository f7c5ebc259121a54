# ruff: noqa: E501 - one row of a table a line
from __future__ import annotations

import json
import re
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from gatewayctl.env_file.values import quote_value
from gatewayctl.errors import EnvValueUnsafe, SettingsInvalid
from tests.unit.operations.project.adopt.adopting import adopt_text

KEY = "sk-fake-0123456789"
MODEL = "model_list:\n- model_name: writer\n  litellm_params: {{model: openai/gpt-4o, {}}}\n"
PEM = "-----BEGIN PRIVATE KEY-----\nMIIfake+/=\n-----END PRIVATE KEY-----\n"


def model(setting: str) -> str:
    return MODEL.format(setting)


def is_kept_in_env(value: str) -> bool:
    try:
        quote_value("NAME", value, sh=False)
    except EnvValueUnsafe:
        return False
    return value.strip() != ""


secrets = st.text(
    st.one_of(
        st.sampled_from("'\"\\$`{}#:=!&*|>%@[], \n\t"),
        st.characters(
            min_codepoint=0x20, max_codepoint=0xD7FF, exclude_categories=["Cs", "Cc", "Zl", "Zp"]
        ),
    ),
    min_size=8,
    max_size=30,
).filter(is_kept_in_env)


@settings(max_examples=80, deadline=None)
@given(secrets, st.sampled_from(["plain", "'", '"', "|", ">", "json"]), st.booleans())
def test_a_secret_of_any_shape_arrives_in_env_and_stays_nowhere_else(
    drawn: str, style: str, in_flow: bool
) -> None:
    secret = f"{drawn}q7"
    shown = json.dumps(secret, ensure_ascii=False) if style == "json" else None
    styles = None if style in {"plain", "json"} else style
    data = {"router_settings": {"redis_password": secret, "redis_port": 1}}
    text = yaml.dump(
        data, default_style=styles, default_flow_style=in_flow, allow_unicode=True, width=50
    )
    if shown is not None:
        text = f"router_settings:\n  redis_password: {shown}  # {drawn.splitlines()[0]}\n"
    read = yaml.safe_load(text)["router_settings"]["redis_password"]
    with TemporaryDirectory() as folder:
        adopted = adopt_text(Path(folder), text)
    assert adopted.env["ROUTER_REDIS_PASSWORD"] == read
    assert adopted.data["router_settings"]["redis_password"] == "os.environ/ROUTER_REDIS_PASSWORD"
    assert not [
        line for line in read.splitlines() if len(line.strip()) > 7 and line in adopted.text
    ]


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        (model(f"api_key: {KEY}"), "OPENAI_API_KEY", KEY),
        (model(f"api_key: {KEY}, api_base: http://own:1/v1"), "WRITER_API_KEY", KEY),
        (model("api_key: anything"), "OPENAI_API_KEY", "anything"),
        (model("api_key: 12345678"), "OPENAI_API_KEY", "12345678"),
        (model("aws_secret_access_key: abc"), "WRITER_AWS_SECRET_ACCESS_KEY", "abc"),
        (model("aws_access_key_id: AKIAABCDEFGHIJKLMNOP"), "WRITER_AWS_ACCESS_KEY_ID", None),
        (model("azure_ad_token: abc"), "WRITER_AZURE_AD_TOKEN", "abc"),
        (model("extra_headers: {Authorization: Bearer abcdefgh}"), "WRITER_AUTHORIZATION", None),
        (model("extra_headers: {X-Any: Bearer abcdefgh}"), "WRITER_X_ANY", "Bearer abcdefgh"),
        (model("extra_headers: {X-Api-Key: abc}"), "WRITER_X_API_KEY", "abc"),
        (model("api_base: 'https://user:pass@host/v1'"), "WRITER_API_BASE", None),
        (model("api_base: 'https://host/v1?api_key=abcdefgh1'"), "WRITER_API_BASE", None),
        (model(f"vertex_credentials: {json.dumps(PEM)}"), "WRITER_VERTEX_CREDENTIALS", PEM),
        ("mcp_servers: {git: {env: {GITHUB_TOKEN: ghp_x}}}\n", "MCP_GIT_GITHUB_TOKEN", "ghp_x"),
        ("mcp_servers: {maps: {authentication_token: abc}}\n", "MCP_MAPS_AUTHENTICATION_TOKEN", None),
        ("litellm_settings: {cache_params: {password: a b}}\n", "CACHE_PASSWORD", "a b"),
        ("litellm_settings: {cache_params: {password: 123456}}\n", "CACHE_PASSWORD", "123456"),
        ("litellm_settings: {langfuse_secret: abc}\n", "GATEWAY_LANGFUSE_SECRET", "abc"),
        ("router_settings: {redis_url: 'redis://:pw@h:1/0'}\n", "ROUTER_REDIS_URL", "redis://:pw@h:1/0"),
        ("general_settings: {litellm_license: eyJx}\n", "GATEWAY_LITELLM_LICENSE", "eyJx"),
        ("search_tools:\n- {search_tool_name: web, litellm_params: {api_key: tvly}}\n", "WEB_API_KEY", None),
        ("guardrails:\n- {guardrail_name: 星, litellm_params: {api_key: abc}}\n", "GUARDRAILS_API_KEY", "abc"),
        ("guardrails:\n- {guardrail_name: 4 eyes, litellm_params: {api_key: abc}}\n", "MODEL_4_EYES_API_KEY", None),
        ("general_settings: {pass_through_endpoints: [{path: /x, headers: {Authorization: Bearer abcdef}}]}\n",
         "X_AUTHORIZATION", "Bearer abcdef"),
        ("general_settings: {alert_to_webhook_url: {a: 'https://hooks.slack.com/services/T/B/x'}}\n",
         "ALERT_TO_WEBHOOK_URL_A", None),
    ],
)  # fmt: skip
def test_a_secret_moves_to_a_variable_that_tells_what_it_is(
    tmp_path: Path, text: str, name: str, value: str | None
) -> None:
    adopted = adopt_text(tmp_path, text)
    assert [secret.name for secret in adopted.plan.secrets] == [name]
    assert value is None or adopted.env[name] == value
    assert f"os.environ/{name}" in adopted.text
    assert adopted.env[name] not in adopted.text.replace(f"os.environ/{name}", "")


@pytest.mark.parametrize(
    "setting",
    [
        "api_key: EMPTY", "api_key: none", "api_key: ''", "api_key: ~", "api_key: os.environ/X",
        "api_key: sk-no-key-required", "input_cost_per_token: 1e-6", "max_tokens: 100",
        "litellm_credential_name: default", "aws_web_identity_token: oidc/google/x",
        "num_ctx: 16_384", "token_url: 'https://host/token'", "prompt_cache_key: shared",
        "vertex_credentials: /run/secrets/service.json", "tags: ['key:value']",
    ],
)  # fmt: skip
def test_what_is_no_secret_stays_as_it_is(tmp_path: Path, setting: str) -> None:
    text = model(setting)
    adopted = adopt_text(tmp_path, text)
    assert (adopted.text, dict(adopted.env)) == (text, {})


def test_names_of_models_and_kinds_of_data_are_no_names_of_secrets(tmp_path: Path) -> None:
    text = (
        "router_settings: {model_group_alias: {my-key: gpt}, fallbacks: [{a-token: [b]}]}\n"
        "guardrails: [{guardrail_name: p, litellm_params: {pii_entities_config: {PASSWORD: MASK}}}]\n"
    )
    assert adopt_text(tmp_path, text).text == text


def test_equal_secrets_share_a_name_and_others_of_a_provider_are_numbered(tmp_path: Path) -> None:
    text = "".join(model(f"api_key: sk-fake-key-{key}").partition("\n")[2] for key in "aabc")
    adopted = adopt_text(tmp_path, f"model_list:\n{text}")
    assert re.findall(r"os\.environ/(\w+)", adopted.text) == [
        "OPENAI_API_KEY", "OPENAI_API_KEY", "OPENAI_API_KEY_2", "OPENAI_API_KEY_3",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("more", "env", "environ"),
    [
        ("- {model_name: b, litellm_params: {model: x/y, api_key: os.environ/OPENAI_API_KEY}}\n", "", {}),
        ("- {model_name: b, litellm_params: {model: openai/gpt-4o}}\n", "", {}),
        ("- {model_name: '*', litellm_params: {model: '*'}}\n", "", {}),
        ("guardrails: [{guardrail_name: m, litellm_params: {guardrail: openai_moderation}}]\n", "", {}),
        ("", "OPENAI_API_KEY=another\n", {}),
        ("", "", {"OPENAI_API_KEY": "another"}),
    ],
)  # fmt: skip
def test_a_name_that_is_in_use_is_not_taken(
    tmp_path: Path, more: str, env: str, environ: dict[str, str]
) -> None:
    adopted = adopt_text(tmp_path, model(f"api_key: {KEY}") + more, env=env, environ=environ)
    assert adopted.env == {"OPENAI_API_KEY_2": KEY}


def test_a_name_that_holds_the_same_value_already_is_taken(tmp_path: Path) -> None:
    adopted = adopt_text(tmp_path, model(f"api_key: {KEY}"), env=f"OPENAI_API_KEY={KEY}\n")
    assert adopted.env == {"OPENAI_API_KEY": KEY}


def test_an_anchor_is_changed_once_and_named_by_what_uses_it(tmp_path: Path) -> None:
    text = f"x-secret: &key {KEY}\n" + model("api_key: *key")
    adopted = adopt_text(tmp_path, text)
    assert adopted.text == text.replace(KEY, "os.environ/OPENAI_API_KEY")


def test_secrets_in_comments_are_removed(tmp_path: Path) -> None:
    comments = [
        f"# api_key: {KEY}", f"#{KEY}", f"# was '{KEY}', and before other", "# password: hunter22",
        '# "client_secret": "abcdefgh",', "# redis://:pw-of-redis@host", "# Bearer abcdef0123456789",
        "# -----BEGIN PRIVATE KEY-----", "# MIIfake", "# -----END PRIVATE KEY-----",
        "# it is abc-in-use-now as below", "# AKIAABCDEFGHIJKLMNOP",
    ]  # fmt: skip
    text = "\n".join(comments) + "\n" + model("api_key: abc-in-use-now")
    shown = adopt_text(tmp_path, text)
    for secret in (KEY, "hunter22", "abcdefgh", "pw-of-redis", "abcdef0123456789", "MIIfake",
                   "abc-in-use-now", "AKIAABCDEFGHIJKLMNOP"):  # fmt: skip
        assert secret not in shown.text
    assert shown.text.count("\n") == text.count("\n")
    assert len(shown.plan.masked) == len(comments)


@pytest.mark.parametrize(
    "comment",
    ["# master_key: comes from the environment", "# api_key: os.environ/X", "# api_key: none",
     "# token: required", "# see the task-runner of sk-", "# max_tokens: 8192", "# keys: a, b"],
)  # fmt: skip
def test_other_comments_stay(tmp_path: Path, comment: str) -> None:
    text = f"{comment}\n{model('temperature: 0')}"
    assert adopt_text(tmp_path, text).text == text


def test_a_secret_in_a_note_is_removed_from_it(tmp_path: Path) -> None:
    text = f"x-notes: |\n  The old key was {KEY}\n  and the rest stays.\nmodel_list: []\n"
    adopted = adopt_text(tmp_path, text)
    assert adopted.data["x-notes"] == "The old key was (removed)\nand the rest stays.\n"
    assert adopted.env == {}


def test_a_secret_in_a_list_moves_and_is_reported_as_unread(tmp_path: Path) -> None:
    adopted = adopt_text(tmp_path, f"mcp_servers:\n  x:\n    args: [--key, {KEY}]\n")
    assert KEY not in adopted.text
    assert "config.yaml line 3: mcp_servers.x.args[1] is MCP_X_ARGS in .env now" in adopted.notices


def test_a_webhook_in_a_list_stays_and_is_reported(tmp_path: Path) -> None:
    url = "https://hooks.slack.com/services/T0/B0/x"
    text = f"general_settings: {{alert_to_webhook_url: {{a: [{url}]}}}}\n"
    adopted = adopt_text(tmp_path, text)
    assert adopted.text == text
    assert "alert_to_webhook_url.a[0] stays in plain text" in adopted.notices


def test_plain_variables_move_as_litellm_would_set_them(tmp_path: Path) -> None:
    text = (
        "environment_variables:\n  A: plain\n  B: 007\n  C: false\n  D: 2024-10-21\n  E: ''\n  F: ~\n"
        "  G: 1e-4\n  H: os.environ/OTHER\n  PATH: /bin\n  NO_PROXY: x\n  LITELLM_PORT: 1\n  X.Y: 1\n"
    )
    adopted = adopt_text(tmp_path, text)
    assert adopted.env == {
        "A": "plain", "B": "7", "C": "False", "D": "2024-10-21", "E": "", "F": "None", "G": "1e-4",
    }  # fmt: skip
    kept = {"H": "os.environ/OTHER", "PATH": "/bin", "NO_PROXY": "x", "LITELLM_PORT": 1, "X.Y": 1}
    moved = {name: f"os.environ/{name}" for name in adopted.env}
    assert adopted.data["environment_variables"] == moved | kept
    for name in ("PATH", "NO_PROXY", "LITELLM_PORT", "X.Y"):
        assert f"{name} stays" in adopted.notices


def test_a_variable_with_another_value_in_env_is_kept_and_reported(tmp_path: Path) -> None:
    adopted = adopt_text(tmp_path, "environment_variables: {A: one}\n", env="A=two\n")
    assert adopted.env == {}
    assert "A has another value in .env, which is kept" in adopted.notices


def test_of_a_dotenv_beside_the_original_only_what_it_reads_is_taken(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("USED=one\nUNUSED=two\nSET=three\n")
    text = "litellm_settings: {a: os.environ/USED, b: os.environ/SET}\n"
    adopted = adopt_text(tmp_path, text, environ={"SET": "here"})
    assert adopted.env == {"USED": "one"}


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("${OPENAI_API_KEY}", "write os.environ/OPENAI_API_KEY"),
        ("a${b}c", "its value has `${`"),
        ("a'$\\\\", "its value has a mix"),
    ],
)
def test_a_value_that_env_cannot_hold_is_refused_with_its_line(
    tmp_path: Path, value: str, reason: str
) -> None:
    with pytest.raises(SettingsInvalid) as refused:
        adopt_text(tmp_path, model(f"api_key: {json.dumps(value)}"))
    assert refused.value.message.startswith("config.yaml line 3: model_list[0]")
    assert reason in refused.value.message


def test_a_secret_in_a_name_is_reported(tmp_path: Path) -> None:
    adopted = adopt_text(tmp_path, f"litellm_settings: {{map: {{{KEY}: x}}}}\n")
    assert "still contains a secret" in adopted.notices


def test_a_secret_in_a_name_gets_into_no_name_of_a_variable(tmp_path: Path) -> None:
    text = f"litellm_settings: {{map: {{{KEY}: {{password: hunter22}}}}}}\n"
    adopted = adopt_text(tmp_path, text)
    assert adopted.env == {"MAP_PASSWORD": "hunter22"}
    named = f"model_list:\n- {{model_name: {KEY}, litellm_params: {{password: hunter22}}}}\n"
    assert set(adopt_text(tmp_path, named).env) == {"MODEL_LIST_MODEL_NAME", "MODEL_LIST_PASSWORD"}


def test_parameters_that_are_no_mapping_are_no_fault_of_the_adoption(tmp_path: Path) -> None:
    text = f"model_list:\n- {{model_name: a, api_key: {KEY}, litellm_params: foo}}\n"
    adopted = adopt_text(tmp_path, text)
    assert adopted.env == {"A_API_KEY": KEY}
