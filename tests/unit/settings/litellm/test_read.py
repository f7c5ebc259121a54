from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
import yaml

from gatewayctl.errors import SettingsInvalid
from gatewayctl.settings.load import load_settings
from gatewayctl.settings.model import Settings

MODEL = "model_list: [{model_name: m, litellm_params: {model: openai/m}}]\n"


def load(folder: Path, **files: str) -> Settings:
    (folder / "gateway.yaml").write_text("litellm: litellm.yaml\n")
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_yaml", ".yaml").replace("_py", ".py")
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return load_settings(folder, environ={})


def complaints(folder: Path, **files: str) -> list[str]:
    with pytest.raises(SettingsInvalid) as caught:
        load(folder, **files)
    assert caught.value.exit_code == 3
    return [f"{each.source}: {each.message}" for each in caught.value.problems]


def test_every_value_keeps_the_type_that_litellm_sees(tmp_path: Path) -> None:
    text = MODEL + (
        "litellm_settings: {a: 1e-6, b: 16_384, c: Yes, d: ~, e: 2026-01-31, 7: seven, no: off}\n"
    )

    config = load(tmp_path, litellm_yaml=text).litellm

    assert config is not None
    assert config.sections == yaml.safe_load(text)
    assert config.sections["litellm_settings"]["e"] == dt.date(2026, 1, 31)


def test_sections_in_gateway_yaml_are_the_same_as_a_file(tmp_path: Path) -> None:
    (tmp_path / "gateway.yaml").write_text(f"litellm:\n  {MODEL}")

    config = load_settings(tmp_path, environ={}).litellm

    assert config is not None
    assert config.sections == yaml.safe_load(MODEL)
    assert config.files == ()


def test_included_files_are_joined_as_litellm_joins_them(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        litellm_yaml=f"include: [parts/one.yaml]\nlitellm_settings: {{num_retries: 9}}\n{MODEL}",
        parts__one_yaml=f"include: [two.yaml]\n{MODEL}litellm_settings: {{drop_params: true}}\n",
        parts__two_yaml="x-notes: mine\nrouter_settings: {num_retries: 1}\n",
    ).litellm

    assert config is not None
    assert len(config.items("model_list")) == 2
    assert config.sections["litellm_settings"] == {"drop_params": True}
    assert set(config.sections) == {"model_list", "litellm_settings", "router_settings"}
    assert [path.name for path in config.files] == ["litellm.yaml", "one.yaml", "two.yaml"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("include: [parts/one.yaml]\n", "parts/one.yaml line 1 column 11: include is circular"),
        ("include: [none.yaml]\n", "litellm.yaml line 1 column 11: includes none.yaml, which does"),
        ("include: one.yaml\n", "litellm.yaml line 1 column 10: include needs a list"),
    ],
)
def test_a_wrong_include_is_named_with_its_line(text: str, complaint: str, tmp_path: Path) -> None:
    (found,) = complaints(
        tmp_path, litellm_yaml=text, parts__one_yaml="include: [../litellm.yaml]\n"
    )

    assert found.startswith(complaint)


def test_a_file_that_is_not_there_is_named_at_its_setting(tmp_path: Path) -> None:
    (found,) = complaints(tmp_path)

    assert found == "gateway.yaml line 1 column 10: litellm: there is no file litellm.yaml"


def test_its_models_are_known_and_those_of_the_reference_stack_are_not(tmp_path: Path) -> None:
    text = (
        "model_list:\n"
        "- {model_name: a, litellm_params: {model: groq/x}, model_info: {mode: chat}}\n"
        "- {model_name: a, litellm_params: {model: azure/x, api_key: os.environ/MINE}}\n"
        "- {model_name: own, litellm_params: {model: openai/x, api_base: 'http://h/v1'}}\n"
    )

    settings = load(tmp_path, litellm_yaml=text)

    found = [(model.name, model.api_key_env) for model in settings.models]
    assert found == [("a", "GROQ_API_KEY"), ("a", "MINE"), ("own", None), ("demo", None)]


def test_the_modules_beside_it_are_found_with_what_they_import(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        litellm_yaml=f"{MODEL}litellm_settings: {{callbacks: [hooks.stamp, pack.deep.Guard]}}\n",
        hooks_py="import os\nfrom words import LIST\n",
        words_py="LIST = []\n",
        pack__deep_py="from . import other\n",
        pack__other_py="",
        unused_py="",
    )

    assert settings.litellm is not None
    assert settings.litellm.modules == ("hooks.py", "pack/deep.py", "pack/other.py", "words.py")


@pytest.mark.parametrize(
    ("setting", "complaint"),
    [
        ("litellm_settings: {callbacks: [none.x]}", "none.x: there is no file none.py in"),
        ("general_settings: {custom_auth: none.x}", "none.x: there is no file none.py in"),
        (
            "guardrails: [{guardrail_name: g, litellm_params: {guardrail: none.G}}]",
            "none.G: there is no file none.py in",
        ),
        ("litellm_settings: {callbacks: [broken.x]}", "broken.py line 1 is not valid Python: "),
    ],
)
def test_a_module_that_cannot_be_used_is_named_with_its_line(
    setting: str, complaint: str, tmp_path: Path
) -> None:
    (found,) = complaints(tmp_path, litellm_yaml=f"{MODEL}{setting}\n", broken_py="def (:\n")

    assert found.startswith("litellm.yaml line 2 column ")
    assert complaint in found


def test_a_module_can_be_a_part_of_ones_own_image(tmp_path: Path) -> None:
    (tmp_path / "gateway.yaml").write_text(
        "litellm: {litellm_settings: {callbacks: [none.x]}}\nimages: {litellm: 'own/litellm:v1'}\n"
    )

    assert load_settings(tmp_path, environ={}).litellm is not None
