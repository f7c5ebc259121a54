from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewayctl.rendering.compose import (
    app_environment,
    build_context,
    escape_dollars,
    provider_variables,
    required_variable,
)
from gatewayctl.settings.declared.apps import App
from tests.fakes.projects import project

NO_PROXY = "localhost,127.0.0.1,::1,litellm,phoenix,host.docker.internal,${NO_PROXY:-${no_proxy:-}}"
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@given(TEXT)
def test_a_doubled_dollar_reads_back_as_one(text: str) -> None:
    assert escape_dollars(text).replace("$$", "$") == text
    assert escape_dollars(text).count("$") == 2 * text.count("$")


def test_every_string_within_a_value_is_escaped() -> None:
    assert escape_dollars({"$a": ["$b", ("c$", 1, None)]}) == {"$a": ["$$b", ["c$$", 1, None]]}


def test_a_required_variable_says_how_to_create_it() -> None:
    assert required_variable("X") == "${X:?run gatewayctl init to generate it in .env}"


@pytest.mark.parametrize(
    ("written", "seen_from_compose"),
    [
        ("./api", "../api"),
        ("api", "../api"),
        (".", ".."),
        ("../shared/api", "../../shared/api"),
        ("/srv/api", "/srv/api"),
        ("https://git.example/a.git#main", "https://git.example/a.git#main"),
        ("git@git.example:a.git", "git@git.example:a.git"),
    ],
)
def test_a_folder_to_build_is_relative_to_the_project(written: str, seen_from_compose: str) -> None:
    assert build_context(written) == seen_from_compose


def environment(folder: Path, app: App) -> dict[str, str]:
    return app_environment(app, project(folder, "keys: {k: MY_KEY}\n"))


def test_an_app_gets_the_address_of_the_gateway_its_key_and_phoenix(tmp_path: Path) -> None:
    assert environment(tmp_path, App(name="api", image="x", key="k")) == {
        "LLM_BASE_URL": "http://litellm:4000",
        "LLM_API_KEY": "${MY_KEY:-}",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://phoenix:6006",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_RESOURCE_ATTRIBUTES": "openinference.project.name=gateway",
        "OTEL_SERVICE_NAME": "api",
        "PHOENIX_COLLECTOR_ENDPOINT": "http://phoenix:6006",
        "PHOENIX_PROJECT_NAME": "gateway",
        "NO_PROXY": NO_PROXY,
        "no_proxy": NO_PROXY,
    }


def test_an_app_may_send_its_spans_elsewhere_but_keeps_its_key(tmp_path: Path) -> None:
    own = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://other:1",
        "LLM_API_KEY": "mine",
        "COST": "$5",
        "DB": "os.environ/SHOP_DB",
    }

    found = environment(tmp_path, App(name="a", image="x", key="k", environment=own))

    assert found["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://other:1"
    assert found["LLM_API_KEY"] == "${MY_KEY:-}"
    assert (found["COST"], found["DB"]) == ("$$5", "${SHOP_DB:-}")


@pytest.mark.parametrize(
    ("models", "variables"),
    [
        ("{m: gpt-4o}", ("OPENAI_API_KEY",)),
        ("{m: {model: openai/x, api_key_env: MINE}}", ("MINE",)),
        ("{m: {model: openai/x, api_key_env: none}}", ()),
        ("{m: {mock_response: hi}}", ()),
        (
            "{m: azure/x}",
            ("AZURE_API_BASE", "AZURE_API_KEY", "AZURE_API_VERSION"),
        ),
        (
            "{m: {model: vertex_ai/x, params: {vertex_project: os.environ/P, n: {l: [1]}}}}",
            ("P", "VERTEXAI_LOCATION", "VERTEXAI_PROJECT"),
        ),
    ],
)
def test_litellm_gets_the_variables_its_models_need_and_no_others(
    tmp_path: Path, models: str, variables: tuple[str, ...]
) -> None:
    settings = project(tmp_path, f"models: {models}\n", env="OTHER=1\nOPENAI_API_KEY=sk-x\n")

    assert provider_variables(settings) == variables


def test_the_variables_do_not_depend_on_which_are_set(tmp_path: Path) -> None:
    settings: Any = [project(tmp_path / "1"), project(tmp_path / "2", env="OPENAI_API_KEY=sk-x\n")]

    assert provider_variables(settings[0]) == provider_variables(settings[1])
