"""The Docker files of a project whose database and trace stores others run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from gatewayctl.rendering.plan import plan_files
from gatewayctl.rendering.tracing import otel_variables
from tests.fakes.projects import project

PHOENIX = "{endpoint: 'http://localhost:6006', api_key_env: TEAM_KEY, project: 'the $gate'}"
BOTH = f"""\
services: {{postgres: DATABASE_URL}}
tracing:
  phoenix-team: {PHOENIX}
  collector: {{endpoint: 'https://otel.example.com', headers_env: OTEL_KEYS}}
"""
ENV = "DATABASE_URL=postgresql://u:pass-word@h/d\nTEAM_KEY=key-of-team\nOTEL_KEYS=a=secret-b\n"


def render(folder: Path, text: str) -> tuple[dict[str, Any], dict[str, Any], str]:
    files = plan_files(project(folder, text, env=ENV), runtime="docker")
    texts = {file.path.name: file.content for file in files}
    compose = yaml.safe_load(texts["docker-compose.yml"])
    return compose, yaml.safe_load(texts["litellm_config.yaml"]), "".join(texts.values())


def test_nothing_of_ones_own_is_started_and_no_credential_is_written(tmp_path: Path) -> None:
    compose, config, text = render(tmp_path, BOTH)

    assert list(compose["services"]) == ["litellm"]
    assert "volumes" not in compose
    assert "depends_on" not in compose["services"]["litellm"]
    assert config["litellm_settings"]["callbacks"][-1] == "otel"
    variables = compose["services"]["litellm"]["environment"]
    assert variables["DATABASE_URL"] == "${DATABASE_URL:?set it in .env}"
    # As Compose would: the values come from .env, and $$ is a dollar.
    filled = variables["EXPORTERS"].replace("${TEAM_KEY:-}", "k").replace("${OTEL_KEYS:-}", "a=b")
    assert json.loads(filled.replace("$$", "$")) == [
        {
            "kind": "otlp_http",
            "traces_endpoint": "http://host.docker.internal:6006/v1/traces",
            "headers": "x-project-name=the%20%24gate,authorization=Bearer%20k",
        },
        {
            "kind": "otlp_http",
            "traces_endpoint": "https://otel.example.com/v1/traces",
            "headers": "a=b",
        },
    ]
    assert not [each for each in ("pass-word", "key-of-team", "secret-b") if each in text]


def test_a_process_of_this_machine_gets_the_same_exporters_with_credentials(
    tmp_path: Path,
) -> None:
    settings = project(tmp_path, BOTH, env=ENV)

    exporters = json.loads(otel_variables(settings, settings.environment)["EXPORTERS"])

    assert [each["headers"] for each in exporters] == [
        "x-project-name=the%20%24gate,authorization=Bearer%20key-of-team",
        "a=secret-b",
    ]


def test_the_own_phoenix_beside_another_store_is_the_first(tmp_path: Path) -> None:
    compose, _, _ = render(tmp_path, "tracing: [phoenix, 'http://tempo.example.com:4318']")

    assert set(compose["services"]) == {
        "postgres-litellm", "postgres-phoenix", "phoenix", "litellm",
    }  # fmt: skip
    exporters = json.loads(compose["services"]["litellm"]["environment"]["EXPORTERS"])
    assert [each["traces_endpoint"] for each in exporters] == [
        "http://phoenix:6006/v1/traces",
        "http://tempo.example.com:4318/v1/traces",
    ]


def test_without_traces_litellm_has_no_tracing_callback(tmp_path: Path) -> None:
    compose, config, _ = render(tmp_path, "tracing: none")

    assert len(config["litellm_settings"]["callbacks"]) == 1
    assert set(compose["services"]) == {"postgres-litellm", "litellm"}
    assert not [name for name in compose["services"]["litellm"]["environment"] if "OTEL" in name]


def test_apps_send_their_spans_to_the_first_store(tmp_path: Path) -> None:
    compose, _, _ = render(tmp_path, f"{BOTH}apps: {{web: nginx:1.27}}\n")

    variables = compose["services"]["web"]["environment"]
    assert variables["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://host.docker.internal:6006"
    assert "${TEAM_KEY:-}" in variables["OTEL_EXPORTER_OTLP_HEADERS"]
    assert list(compose["services"]["web"]["depends_on"]) == ["litellm"]
