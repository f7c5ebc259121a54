from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewayctl.settings import masking
from gatewayctl.settings.masking import LineMask, mask, mask_value, remember, strip_keys
from tests.fakes.projects import project

KEY = "sk-virtual-0123456789abcdefWXYZ"
ROOT = Path(__file__).parents[3]
PEM = """\
-----BEGIN RSA PRIVATE KEY-----
MIIEpAIBAAKCAQEA0Z3VS5JJcds3xfn/ygWyF8PbnGy0AHB7MhgHcTz6sE2I2yPB
aFDrBz9vFqU4yK0VqX0q
-----END RSA PRIVATE KEY-----"""
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P"
PROVIDERS = {
    "sk-…": [KEY, "sk-ant-api03-AbCdEfGhIjKlMnOpQrSt", "sk-proj-aB3dE6gH9jK2mN5pQ8sT", "sk-12345"],
    "AIza…": ["AIzaSyD-9tSrke72PouQMnMX-a7eZSW0jkFMBWY"],
    "gsk_…": ["gsk_a1B2c3D4e5F6g7H8i9J0k1L2m3N4"],
    "xai-…": ["xai-a1B2c3D4e5F6g7H8i9J0k1L2m3N4"],
    "hf_…": ["hf_aBcDeFgHiJkLmNoPqRsT1234567"],
    "AKIA…": ["AKIAIOSFODNN7EXAMPLE"],
    "ghp_…": ["ghp_a1B2c3D4e5F6g7H8i9J0k1L2m3N4"],
    "github_pat_…": ["github_pat_11ABCDE_a1B2c3D4e5F6"],
    "pplx-…": ["pplx-a1B2c3D4e5F6g7H8i9J0k1L2m3"],
    "nvapi-…": ["nvapi-a1B2c3D4e5F6g7H8-i9J0k1L2m3"],
    "r8_…": ["r8_a1B2c3D4e5F6g7H8i9J0k1L2m3N4"],
    "dapi…": ["dapi0123456789abcdef0123456789abcdef"],
    "sk_live_…": ["sk_live_a1B2c3D4e5F6"],
    "xoxb-…": ["xoxb-123456789012-a1B2c3D4e5F6"],
    "…": [JWT],
}


# By form


@pytest.mark.parametrize(
    ("start", "key"), [(start, key) for start, keys in PROVIDERS.items() for key in keys]
)
@pytest.mark.parametrize(
    "around", ["{}", "key={} ", "'{}'", '{{"key":"{}"}}', "https://host/?a=%3D{}&b=1", "({})."]
)
def test_a_key_of_a_provider_is_masked_to_its_prefix_and_its_end(
    start: str, key: str, around: str
) -> None:
    shown = mask(around.format(key))

    assert shown == around.format(f"{start}{key[-4:] if len(key) >= 16 else ''}")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Authorization: Bearer abc123def456", "Authorization: Bearer …"),
        ('"authorization": "Basic dXNlcjpwYXNzd29yZA=="', '"authorization": "Basic …ZA=="'),
        ("x-api-key: 0123456789abcdefghij", "x-api-key: …ghij"),
        ("{'api-key': '0f1e2d3c4b5a6978'}", "{'api-key': '…6978'}"),
        ("x-goog-api-key=0f1e2d3c4b5a6978", "x-goog-api-key=…6978"),
        ("GET /v1/models?key=0f1e2d3c4b5a&x=1", "GET /v1/models?key=…&x=1"),
        ("host=db password=hunter2hunter2 user=me", "host=db password=… user=me"),
        ("postgresql://user:hunter2@127.0.0.1:5433/db", "postgresql://user:…@127.0.0.1:5433/db"),
        ("redis://:hunter2@redis:6379/0", "redis://:…@redis:6379/0"),
        ("a key sk-...WXYZ, another sk-ab****cd99", "a key sk-…WXYZ, another sk-…cd99"),
        (f"before {PEM} after", "before -----BEGIN RSA PRIVATE KEY-----… after"),
    ],
)
def test_what_has_the_form_of_a_secret_is_masked(text: str, shown: str) -> None:
    assert mask(text) == shown
    assert mask(shown) == shown


@pytest.mark.parametrize(
    "text",
    [
        "a task-runner-of-mine on disk-space-2026-11-23",
        "the model gpt-4o-mini-2024-07-18 with basic gpt-4o-mini",
        "api_key: os.environ/OPENAI_API_KEY2",
        "LITELLM_MASTER_KEY: ${LITELLM_MASTER_KEY:?run gatewayctl init to generate it in .env}",
        "api_key_env: none",
        "password: authentication failed for user litellm_user",
        "Authorization: required",
        "http://127.0.0.1:4000/v1 and user@host:22",
        "sha256:901758b01318901758b01318 v1.108.11",
        "trace d3ba0179d808ad09a977553dc0285f76 · 31 tokens",
    ],
)
def test_other_text_is_not_changed(text: str) -> None:
    assert mask(text) == text


def _prose() -> Iterator[tuple[str, str]]:
    """Every line of the documentation and of the messages, apart from the example keys."""
    paths = (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("compose/*"))
    for path in (*paths, *(ROOT / "src" / "gatewayctl").rglob("*.py")):
        if path.name == "masking.py" or not path.is_file():
            continue
        for line in path.read_text(encoding="utf-8").splitlines():
            if not re.search(r"sk-|://[^/\s]*:[^/\s]*@|PRIVATE KEY|\?[a-z]+=", line):
                yield str(path), line


def test_the_texts_of_the_project_are_not_changed() -> None:
    changed = [(path, line, mask(line)) for path, line in _prose() if mask(line) != line]

    assert changed == []


def test_hashes_and_line_breaks_are_removed_from_messages_of_litellm() -> None:
    said = strip_keys(f"key {KEY}\n with hash {'0a' * 32} and sk-...ab*d")

    assert said == "key sk-…WXYZ  with hash … and sk-…"


# Known values

SECRETS = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=12).filter(
    lambda text: not re.fullmatch(r"[\W_]*|.*://.*", text)
)


@given(secret=SECRETS, before=st.text(), after=st.text())
def test_a_known_secret_is_in_no_text_in_any_encoding(secret: str, before: str, after: str) -> None:
    masking.forget()
    remember([secret])
    for form in (secret, quote(secret), quote(secret, safe=""), quote_plus(secret),
                 json.dumps(secret)[1:-1], repr(secret)[1:-1]):  # fmt: skip
        text = mask(f"{before} {form} {after}")
        assert form not in text.replace(mask_value(secret), "")


@given(st.lists(SECRETS, min_size=1, max_size=4), st.data())
def test_masking_line_by_line_hides_what_masking_at_once_hides(
    secrets: list[str], data: st.DataObject
) -> None:
    masking.forget()
    remember(["\n".join(secrets)])
    lines = data.draw(st.lists(st.sampled_from([*secrets, "ordinary", ""]), min_size=1, max_size=6))

    stream = LineMask()

    assert [stream.mask(line) for line in lines] == mask("\n".join(lines)).split("\n")


def test_a_private_key_over_several_lines_of_a_log_is_masked() -> None:
    stream = LineMask()

    shown = [stream.mask(line) for line in ("one", *PEM.splitlines(), "two")]

    assert shown == ["one", "-----BEGIN RSA PRIVATE KEY-----…", *"………", "two"]
    assert stream.mask(PEM.replace("\n", "\\n") + " three").endswith("… three")
    assert stream.mask("four") == "four"


def test_one_secret_can_be_a_part_of_another() -> None:
    remember(["pass-word-0", "pass-word-0-longer-one"])

    assert "word" not in mask("pass-word-0 and pass-word-0-longer-one")


def test_the_password_of_a_known_url_is_masked_alone_too() -> None:
    remember(["postgresql://app:p%40ss-word-9@db/app"])

    assert mask("wrong password p@ss-word-9 for app in db") == "wrong password … for app in db"


@pytest.mark.parametrize("value", ["abc", "", "5432", "2026-11", "postgres", "Password", "true"])
def test_a_short_value_a_number_and_a_common_word_are_not_masked(value: str) -> None:
    remember([value])

    assert mask(f"it is {value} of {value}") == f"it is {value} of {value}"


def test_a_value_of_few_characters_is_masked_as_a_whole_word_only() -> None:
    remember(["hunter2"])

    assert mask("hunter2 (hunter2) hunter2000") == "… (…) hunter2000"


def test_secrets_of_env_file_and_environment_are_known_and_its_settings_are_not(
    tmp_path: Path,
) -> None:
    env = {
        "STRIPE_SECRET": "of-another-application",
        "DATABASE_URL": "postgresql://app:url-password-7@db/app",
        "SESSION": "aB3dE6gH9jK2mN5pQ8sT1vW4",
        "SIGNING_KEY": "line-one-of-key\\nline-two-of-key",
        "MINE": "the key of a model",
        "LITELLM_API_KEY": "virtual key without its form",
        "AWS_REGION": "eu-west-1",
        "MODEL": "gpt-4o-mini-2024-07-18",
        "DATA_DIR": "/home/Bob1/Projects/shop",
        "ENVIRONMENT": "production",
    }
    text = "".join(f'{name}="{value}"\n' for name, value in env.items())
    outside = {"ANTHROPIC_API_KEY": "key of the environment", "LANG": "en_US.UTF-8"}

    project(tmp_path, "models: {m: {model: openai/x, api_key_env: MINE}}\n", env=text,
            environ=outside)  # fmt: skip

    hidden = ["of-another-application", "url-password-7", "aB3dE6gH9jK2mN5pQ8sT1vW4",
              "line-one-of-key", "line-two-of-key", "the key of a model", "key of the environment",
              "virtual key without its form"]  # fmt: skip
    shown = ["eu-west-1", "gpt-4o-mini-2024-07-18", "/home/Bob1/Projects/shop", "production",
             "en_US.UTF-8"]  # fmt: skip
    assert [value for value in hidden if value in mask(f"it is {value}!")] == []
    assert [value for value in shown if mask(value) != value] == []
