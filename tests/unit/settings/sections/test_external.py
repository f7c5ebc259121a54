from __future__ import annotations

from pathlib import Path

import pytest

from gatewayctl.errors import MasterKeyMissing, MasterKeyWeak, SettingsInvalid
from gatewayctl.settings.generate import generate_missing_secrets
from gatewayctl.settings.load import load_settings
from gatewayctl.settings.master_key import require_master_key
from gatewayctl.settings.model import Settings

URL = "https://gateway.example.com/llm"


def load(folder: Path, text: str, env: str = "", **environ: str) -> Settings:
    (folder / "gateway.yaml").write_text(text)
    (folder / ".env").write_text(env)
    return load_settings(folder, environ=environ)


def external(folder: Path, more: str = "", env: str = "", **environ: str) -> Settings:
    return load(folder, f"runtime: external\nexternal: {{url: {URL}}}\n{more}", env, **environ)


@pytest.mark.parametrize("url", [URL, f"{URL}/", f"{URL}//"])
def test_the_address_has_its_path_and_no_final_slash(tmp_path: Path, url: str) -> None:
    settings = load(tmp_path, f"runtime: external\nexternal: {{url: '{url}'}}\n")

    assert (settings.is_external, settings.gateway_url, settings.phoenix_url) == (True, URL, "")


def test_the_environment_has_the_address_too_and_takes_precedence(tmp_path: Path) -> None:
    phoenix = "http://127.0.0.1:6006/"
    settings = external(
        tmp_path,
        GATEWAYCTL_EXTERNAL_URL="http://127.0.0.1:4000",
        GATEWAYCTL_EXTERNAL_PHOENIX_URL=phoenix,
    )

    assert settings.gateway_url == "http://127.0.0.1:4000"
    assert settings.phoenix_url == "http://127.0.0.1:6006"


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("gateway.example.com", "must be an address such as"),
        ("ftp://gateway.example.com", "must be an address such as"),
        ("https://", "must be an address such as"),
        ("https://host:99999", "must be an address such as"),
        ("https://g\u00e4teway", "must be an address such as"),
        ("4000", "must be an address such as"),
        ("https://admin:secret-of-a-proxy@host", "must not contain a user or a password"),
        ("https://host/llm?key=x", "a part after ? or #"),
        ("https://host/llm/v1/", "without /v1 or /ui"),
        ("https://host/ui", "without /v1 or /ui"),
    ],
)
def test_another_value_is_no_address(tmp_path: Path, url: str, why: str) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        load(tmp_path, f"runtime: external\nexternal:\n  url: '{url}'\n")

    assert why in caught.value.message
    assert "gateway.yaml line 3" in caught.value.message
    assert "secret-of-a-proxy" not in caught.value.message


@pytest.mark.parametrize("section", ["", "external: {}\n", "external: {url: }\n"])
def test_the_address_is_required_and_nothing_else_is_reported(tmp_path: Path, section: str) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        load(tmp_path, f"runtime: external\n{section}")

    assert "GATEWAYCTL_EXTERNAL_URL" in caught.value.message
    assert len(caught.value.problems) == 1


def test_the_section_alone_selects_nothing(tmp_path: Path) -> None:
    settings = load(tmp_path, f"external: {{url: {URL}}}\n")

    assert (settings.runtime, settings.gateway_url) == ("auto", "http://127.0.0.1:4000")


def test_the_reference_stack_is_not_assumed_on_a_gateway_of_others(tmp_path: Path) -> None:
    settings = external(tmp_path)

    assert (settings.models, settings.keys, settings.offline_models) == ((), (), frozenset())
    assert generate_missing_secrets(settings) == {}


def test_a_key_may_use_models_that_are_not_declared_here(tmp_path: Path) -> None:
    keys = "keys:\n  app: {env: APP_KEY, models: [served-there]}\n"

    assert external(tmp_path, keys).keys[0].models == ("served-there",)
    with pytest.raises(SettingsInvalid, match="already holds"):
        external(tmp_path, f"{keys}  other: {{env: APP_KEY}}\n")


@pytest.mark.parametrize("key", ["sk-1234", "my-own-admin-key"])
def test_the_owner_chooses_the_master_key(tmp_path: Path, key: str) -> None:
    found = require_master_key(external(tmp_path, env=f"LITELLM_MASTER_KEY={key}\n"))

    assert found.reveal() == key


def test_the_environment_may_have_another_master_key_than_env_file(tmp_path: Path) -> None:
    settings = external(
        tmp_path, env="LITELLM_MASTER_KEY=sk-of-a-stack-here\n", LITELLM_MASTER_KEY="sk-of-others"
    )

    assert require_master_key(settings).reveal() == "sk-of-others"


def test_a_missing_or_unsendable_master_key_is_an_error_that_generates_none(
    tmp_path: Path,
) -> None:
    with pytest.raises(MasterKeyMissing) as caught:
        require_master_key(external(tmp_path))
    with pytest.raises(MasterKeyWeak, match="not ASCII"):
        require_master_key(external(tmp_path, LITELLM_MASTER_KEY="sk-\u00fc"))

    assert URL in caught.value.hint
    assert "gatewayctl up" not in caught.value.hint
