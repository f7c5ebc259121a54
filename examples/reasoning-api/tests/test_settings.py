"""Environment variables: required ones, defaults, and messages for invalid values."""

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
REQUIRED = {"LLM_BASE_URL": "http://litellm:4000", "LLM_API_KEY": KEY}


def test_only_address_and_key_are_required() -> None:
    settings = Settings.from_environment(REQUIRED)

    assert settings.base_url == "http://litellm:4000/v1"
    assert (settings.step_model, settings.classifier_model) == (None, None)
    assert settings.traces_url is None


@pytest.mark.parametrize("url", ["http://a", "http://a/", "http://a/v1", "http://a/v1/"])
def test_the_address_always_ends_in_v1(url: str) -> None:
    assert Settings.from_environment({**REQUIRED, "LLM_BASE_URL": url}).base_url == "http://a/v1"


@pytest.mark.parametrize("name", ["LLM_BASE_URL", "LLM_API_KEY"])
@pytest.mark.parametrize("value", [None, "", "  "])
def test_a_missing_variable_is_reported_at_startup(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str | None
) -> None:
    for each, content in {**REQUIRED, name: value}.items():
        monkeypatch.delenv(each, raising=False)
        if content is not None:
            monkeypatch.setenv(each, content)

    with pytest.raises(SystemExit) as caught:
        create_app()

    assert str(caught.value).startswith(f"reasoning-api cannot start: {name} is empty.")
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("value", ["0", "-1", "many", "inf", "nan"])
@pytest.mark.parametrize("name", ["MAX_STEPS", "LLM_TIMEOUT"])
def test_an_invalid_number_is_refused(name: str, value: str) -> None:
    with pytest.raises(BadSettings, match=name):
        Settings.from_environment({**REQUIRED, name: value})


@pytest.mark.parametrize(
    ("environ", "url"),
    [
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://p:6006"}, "http://p:6006/v1/traces"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://p:6006/"}, "http://p:6006/v1/traces"),
        ({"PHOENIX_COLLECTOR_ENDPOINT": "http://p:6006"}, "http://p:6006/v1/traces"),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://p/x"}, "http://p/x"),
    ],
)
def test_the_address_of_traces(environ: dict[str, str], url: str) -> None:
    assert Settings.from_environment({**REQUIRED, **environ}).traces_url == url


def test_the_key_is_not_in_the_repr_of_the_settings() -> None:
    assert KEY not in repr(Settings.from_environment(REQUIRED))


def test_spans_are_sent_to_the_project_of_the_gateway() -> None:
    provider = new_provider(Settings.from_environment(REQUIRED))
    try:
        attributes = provider.resource.attributes
    finally:
        provider.shutdown()

    assert attributes["openinference.project.name"] == "gateway"
    assert attributes["service.name"] == "reasoning-api"


def test_the_tested_versions_match_the_requirements() -> None:
    lines = (HERE / "requirements.txt").read_text(encoding="utf-8").splitlines()
    requirements = [Requirement(line) for line in lines if line and not line.startswith("#")]

    assert requirements
    for each in requirements:
        assert each.specifier.contains(importlib.metadata.version(each.name)), each
