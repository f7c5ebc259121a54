from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from gatewayctl.errors import GatewayRefused, MasterKeyMissing, SettingsProblem
from gatewayctl.gateway.client import GatewayClient
from gatewayctl.operations.config.database import compare_database
from gatewayctl.operations.config.pull import PullReport, pull_config
from gatewayctl.settings.load import load_settings
from gatewayctl.settings.model import Settings
from tests.fakes.litellm import FakeLiteLLM, served
from tests.fakes.projects import MASTER_KEY

STORED = {
    "model_name": "ui-model",
    "litellm_params": {
        "model": "groq/x",
        "temperature": 0.3,
        "use_xai_oauth": False,
        "client_secret": "se****et",
    },
    "model_info": {"id": "id-1", "db_model": True, "mode": "chat", "max_tokens": 9},
}
ROUTER = {
    "current_values": {"num_retries": 2, "allowed_fails": 7},
    "source": {"num_retries": "config", "allowed_fails": "db", "timeout": "default"},
}
GENERAL = [
    {"field_name": "a", "field_value": 44, "stored_in_db": True, "source": "db"},
    {"field_name": "b", "field_value": 1, "stored_in_db": True, "source": "config"},
    {"field_name": "c", "field_value": 2, "stored_in_db": False, "source": "config"},
]


def gateway_with(rows: list[dict[str, Any]], *, old: bool = False) -> FakeLiteLLM:
    fake = FakeLiteLLM()
    fake.planted["/v2/model/info"] = lambda _: httpx.Response(200, json={"data": rows})
    answers: dict[str, Any] = {"/router/settings": ROUTER, "/config/list": GENERAL}
    for path, answer in answers.items():
        response = httpx.Response(404) if old else httpx.Response(200, json=answer)
        fake.planted[path] = lambda _, response=response: response  # type: ignore[misc]
    return fake


def load(folder: Path, text: str, **files: str) -> Settings:
    (folder / ".env").write_text(f"LITELLM_MASTER_KEY={MASTER_KEY}\n")
    (folder / "gateway.yaml").write_text(text)
    for name, content in files.items():
        (folder / f"{name}.yaml").write_text(content)
    return load_settings(folder, environ={})


def pull(settings: Settings, gateway: GatewayClient) -> PullReport:
    return pull_config(settings, gateway, lambda: load_settings(settings.project_dir, environ={}))


OWN = "# mine\nmodel_list:\n- {model_name: m, litellm_params: {model: groq/m}}  # one\n"


def test_what_the_database_adds_is_written_and_the_second_time_nothing(tmp_path: Path) -> None:
    settings = load(tmp_path, "litellm: litellm.yaml\n", litellm=OWN)
    with served(gateway_with([STORED])) as gateway:
        report = pull(settings, gateway)
        # As one that waited for the lock meanwhile.
        again = pull(settings, gateway)

    text = (tmp_path / "litellm.yaml").read_text()
    assert [each.path for each in report.written] == [
        "model_list: ui-model",
        "router_settings.allowed_fails",
        "general_settings.a",
    ]
    assert {each.file for each in report.written} == {Path("litellm.yaml")}
    assert report.models == ("ui-model",)
    assert report.kept == (
        "general_settings.b: is also set in the database, where it does not count",
        "model_list: ui-model: client_secret is secret: the database keeps it",
    )
    assert text.startswith(OWN)
    assert yaml.safe_load(text)["model_list"][1] == {
        "model_name": "ui-model",
        "litellm_params": {"model": "groq/x", "temperature": 0.3},
        "model_info": {"id": "id-1", "mode": "chat"},
    }
    assert not again.changed


def test_sections_in_gateway_yaml_are_extended_there(tmp_path: Path) -> None:
    settings = load(tmp_path, "litellm:\n  router_settings:\n    num_retries: 2\nkeys: {}\n")
    with served(gateway_with([STORED])) as gateway:
        pull(settings, gateway)

    config = load_settings(tmp_path, environ={}).litellm
    assert config is not None
    assert config.sections["router_settings"] == {"num_retries": 2, "allowed_fails": 7}
    assert [each["model_name"] for each in config.sections["model_list"]] == ["ui-model"]


def test_without_a_configuration_one_is_begun_and_no_model_is_lost(tmp_path: Path) -> None:
    settings = load(tmp_path, "# mine\n")
    with served(gateway_with([STORED])) as gateway:
        pull(settings, gateway)

    after = load_settings(tmp_path, environ={})
    assert (tmp_path / "gateway.yaml").read_text() == "# mine\nlitellm: litellm.yaml\n"
    assert [model.name for model in after.models] == [
        *("gpt-4o", "gpt-4o-mini", "o1-mini", "ui-model", "demo")
    ]


def test_a_pull_that_was_killed_before_gateway_yaml_is_finished(tmp_path: Path) -> None:
    settings = load(tmp_path, "# mine\n")
    with served(gateway_with([STORED])) as gateway:
        pull(settings, gateway)
        whole = (tmp_path / "litellm.yaml").read_text()
        (tmp_path / "gateway.yaml").write_text("# mine\n")
        pull(load_settings(tmp_path, environ={}), gateway)

    assert (tmp_path / "litellm.yaml").read_text() == whole
    assert (tmp_path / "gateway.yaml").read_text() == "# mine\nlitellm: litellm.yaml\n"


def test_a_section_is_extended_in_the_included_file_that_has_it(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        "litellm: litellm.yaml\n",
        litellm=f"include: [router.yaml]\n{OWN}",
        router="router_settings:\n  num_retries: 2\n",
    )
    with served(gateway_with([STORED])) as gateway:
        pull(settings, gateway)
        again = pull(load_settings(tmp_path, environ={}), gateway)

    text = (tmp_path / "router.yaml").read_text()
    assert text == "router_settings:\n  num_retries: 2\n  allowed_fails: 7\n"
    assert not again.changed


@pytest.mark.parametrize("text", ["{keys: {}}\n", "keys: {}\n...\n"])
def test_a_gateway_yaml_that_cannot_be_extended_is_refused_before_anything_is_written(
    text: str, tmp_path: Path
) -> None:
    settings = load(tmp_path, text)

    with served(gateway_with([STORED])) as gateway, pytest.raises(SettingsProblem) as caught:
        pull(settings, gateway)

    assert "litellm: litellm.yaml" in caught.value.hint
    assert (tmp_path / "gateway.yaml").read_text() == text
    assert not (tmp_path / "litellm.yaml").exists()


def test_secrets_stay_in_the_database_at_any_depth_and_are_named(tmp_path: Path) -> None:
    settings = load(tmp_path, "litellm: litellm.yaml\n", litellm=OWN)
    token = "t" * 20
    params = {
        "model": "groq/x",
        "extra_headers": {"Authorization": f"Bearer {token}", "X-Site": "dome"},
        "api_key": ["a", token],
    }
    fake = gateway_with([{**STORED, "litellm_params": params}])
    values = {"a_token": token, "b_url": {"x": f"https://hooks.example.com/{token}"}, "c": {"d": 1}}
    rows = [
        {"field_name": name, "field_value": value, "stored_in_db": True, "source": "db"}
        for name, value in values.items()
    ]
    fake.planted["/config/list"] = lambda _: httpx.Response(200, json=rows)
    with served(fake) as gateway:
        report = pull(settings, gateway)

    assert report.kept == (
        "model_list: ui-model: extra_headers.Authorization is secret: the database keeps it",
        "model_list: ui-model: api_key is secret: the database keeps it",
        "general_settings.a_token: is secret: the database keeps it",
        "general_settings.b_url: is secret: the database keeps it",
    )
    text = (tmp_path / "litellm.yaml").read_text()
    assert token not in text
    config = load_settings(tmp_path, environ={}).litellm
    assert config is not None
    assert config.sections["general_settings"] == {"c": {"d": 1}}
    pulled = config.sections["model_list"][1]["litellm_params"]
    assert pulled == {"model": "groq/x", "extra_headers": {"X-Site": "dome"}}


def test_a_row_that_cannot_be_recognized_again_stays_and_is_named(tmp_path: Path) -> None:
    settings = load(tmp_path, "litellm: litellm.yaml\n", litellm=OWN)
    with served(gateway_with([{**STORED, "model_info": {"db_model": True}}], old=True)) as gateway:
        report = pull(settings, gateway)

    assert not report.changed
    assert report.kept[-1].startswith("model_list: ui-model: has no id")


def test_without_a_master_key_no_folder_is_made(tmp_path: Path) -> None:
    settings = load(tmp_path, "")
    (tmp_path / ".env").write_text("")

    with served(gateway_with([])) as gateway, pytest.raises(MasterKeyMissing):
        pull(load_settings(tmp_path, environ={}), gateway)

    assert not settings.state_dir.exists()


def test_an_odd_answer_is_no_internal_error(tmp_path: Path) -> None:
    info = {"db_model": True, "id": "1", "pricing_overrides": True}
    settings = load(tmp_path, "")

    with (
        served(gateway_with([{**STORED, "model_info": info}])) as gateway,
        pytest.raises(GatewayRefused, match="without a list of models"),
    ):
        compare_database(settings, gateway)


def test_an_older_litellm_names_no_source_and_nothing_is_pulled_of_settings(tmp_path: Path) -> None:
    settings = load(tmp_path, "litellm: litellm.yaml\n", litellm=OWN)
    with served(gateway_with([], old=True)) as gateway:
        report = pull(settings, gateway)

    assert not report.changed
    assert (tmp_path / "litellm.yaml").read_text() == OWN


def test_a_list_in_another_style_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    own = "model_list: [{model_name: m, litellm_params: {model: groq/m}}]\n"
    settings = load(tmp_path, "litellm: litellm.yaml\n", litellm=own)

    with served(gateway_with([STORED])) as gateway, pytest.raises(SettingsProblem) as caught:
        pull(settings, gateway)

    assert "model_name: ui-model" in caught.value.hint
    assert (tmp_path / "litellm.yaml").read_text() == own


def test_a_file_that_is_not_named_is_not_touched(tmp_path: Path) -> None:
    settings = load(tmp_path, "", litellm=OWN)

    with served(gateway_with([STORED])) as gateway, pytest.raises(SettingsProblem, match="exists"):
        pull(settings, gateway)


def test_the_model_of_a_killed_bench_is_not_pulled(tmp_path: Path) -> None:
    settings = load(tmp_path, "litellm: litellm.yaml\n", litellm=OWN)
    info = {"id": "gatewayctl-bench-shop-0a0b0c0d", "db_model": True}
    rows = [{**STORED, "model_name": "gatewayctl-bench-shop", "model_info": info}]
    with served(gateway_with(rows)) as gateway:
        assert pull(settings, gateway).models == ()
        assert not [r for r in compare_database(settings, gateway) if "model_list" in r.path]

    assert "bench" not in (tmp_path / "litellm.yaml").read_text()


def test_who_wins_is_said_for_each_part(tmp_path: Path) -> None:
    changed = OWN + (
        "- {model_name: ui-model, litellm_params: {model: groq/x, temperature: 0},"
        " model_info: {id: id-1}}\n"
    )
    settings = load(tmp_path, "litellm: litellm.yaml\n", litellm=changed)
    rows = [STORED, {**STORED, "model_name": "m", "model_info": {"id": "id-2", "db_model": True}}]
    with served(gateway_with(rows)) as gateway:
        found = compare_database(settings, gateway)

    assert [(row.path, row.effect) for row in found] == [
        ("model_list: ui-model", "overrides"),
        ("model_list: m", "adds"),
        ("router_settings.allowed_fails", "adds"),
        ("general_settings.a", "adds"),
        ("general_settings.b", "ignored"),
    ]
    assert found[1].detail == "one more deployment of this model group in the database: groq/x"
