"""The environment: what must be there, what has a default, what is said when it is wrong."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from reasoning_api.app import create_app
from reasoning_api.settings import BadSettings, Settings
from reasoning_api.telemetry import new_provider

HERE = Path(__file__).parents[1]
KEY = "sk-application-0123456789abcdef"
ENOUGH = {"LLM_BASE_URL": "http://litellm:4000", "LLM_API_KEY": KEY}


def test_address_and_key_are_enough() -> None:
    settings = Settings.from_environment(ENOUGH)

    assert settings.base_url == "http://litellm:4000/v1"
    assert (settings.step_model, settings.classifier_model) == (None, None)
    assert settings.traces_url is None


@pytest.mark.parametrize("url", ["http://a", "http://a/", "http://a/v1", "http://a/v1/"])
def test_the_address_ends_in_v1_either_way(url: str) -> None:
    assert Settings.from_environment({**ENOUGH, "LLM_BASE_URL": url}).base_url == "http://a/v1"


@pytest.mark.parametrize("name", ["LLM_BASE_URL", "LLM_API_KEY"])
@pytest.mark.parametrize("value", [None, "", "  "])
def test_a_missing_variable_ends_the_start_with_its_name(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str | None
) -> None:
    for each, said in {**ENOUGH, name: value}.items():
        monkeypatch.delenv(each, raising=False)
        if said is not None:
            monkeypatch.setenv(each, said)

    with pytest.raises(SystemExit) as ended:
        create_app()

    assert str(ended.value).startswith(f"reasoning-api cannot start: {name} is empty.")
    assert KEY not in str(ended.value)


@pytest.mark.parametrize("value", ["0", "-1", "many", "inf", "nan"])
@pytest.mark.parametrize("name", ["MAX_STEPS", "LLM_TIMEOUT"])
def test_a_number_that_is_none_is_told(name: str, value: str) -> None:
    with pytest.raises(BadSettings, match=name):
        Settings.from_environment({**ENOUGH, name: value})


@pytest.mark.parametrize(
    ("environ", "url"),
    [
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://p:6006"}, "http://p:6006/v1/traces"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://p:6006/"}, "http://p:6006/v1/traces"),
        ({"PHOENIX_COLLECTOR_ENDPOINT": "http://p:6006"}, "http://p:6006/v1/traces"),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://p/x"}, "http://p/x"),
    ],
)
def test_where_traces_go(environ: dict[str, str], url: str) -> None:
    assert Settings.from_environment({**ENOUGH, **environ}).traces_url == url


def test_the_key_is_not_in_what_settings_print() -> None:
    assert KEY not in repr(Settings.from_environment(ENOUGH))


def test_spans_are_filed_in_the_gateway_s_project() -> None:
    provider = new_provider(Settings.from_environment(ENOUGH))
    try:
        said = provider.resource.attributes
    finally:
        provider.shutdown()

    assert said["openinference.project.name"] == "gateway"
    assert said["service.name"] == "reasoning-api"


def test_the_versions_that_are_tested_are_those_that_are_asked_for() -> None:
    lines = (HERE / "requirements.txt").read_text(encoding="utf-8").splitlines()
    wanted = [Requirement(line) for line in lines if line and not line.startswith("#")]

    assert wanted
    for each in wanted:
        assert each.specifier.contains(importlib.metadata.version(each.name)), each
