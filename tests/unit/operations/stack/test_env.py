from __future__ import annotations

from pathlib import Path

import pytest

from gatewayctl.errors import EnvFileMissing, UsageProblem, VirtualKeyMissing
from gatewayctl.operations.stack.env import env
from gatewayctl.settings.load import load_settings
from gatewayctl.settings.model import Settings
from tests.fakes.projects import project

DEV, EVAL = "sk-virtual-dev-0123456789", "sk-virtual-eval-0123456789"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return project(tmp_path, env=f"LITELLM_API_KEY={DEV}\nLITELLM_EVAL_KEY={EVAL}\n")


def test_an_application_on_this_host_gets_the_address_and_the_first_key(
    settings: Settings,
) -> None:
    assert env(settings, "embedded", place="host").variables == {
        "LLM_BASE_URL": "http://127.0.0.1:4000",
        "LLM_API_KEY": DEV,
    }


def test_another_key_is_chosen_by_its_alias(settings: Settings) -> None:
    report = env(settings, "embedded", place="host", alias="litellm-eval")

    assert report.variables["LLM_API_KEY"] == EVAL


def test_a_container_finds_the_gateway_of_the_machine_around_it(tmp_path: Path) -> None:
    settings = project(tmp_path, "ports: {litellm: 14000}\n", env=f"LITELLM_API_KEY={DEV}\n")

    report = env(settings, "embedded", place="container")

    assert report.variables["LLM_BASE_URL"] == "http://host.docker.internal:14000"


def test_a_container_beside_the_gateway_finds_it_by_its_service(settings: Settings) -> None:
    report = env(settings, "docker", place="container")

    assert report.variables["LLM_BASE_URL"] == "http://litellm:4000"


def test_an_alias_that_is_not_declared_is_refused_with_those_that_are(
    settings: Settings,
) -> None:
    with pytest.raises(UsageProblem, match="declares no virtual key 'mine'") as refused:
        env(settings, "embedded", place="host", alias="mine")

    assert refused.value.hint == "Declared: litellm-dev, litellm-eval."


def test_a_missing_key_names_its_variable(tmp_path: Path) -> None:
    with pytest.raises(VirtualKeyMissing, match="LITELLM_API_KEY") as refused:
        env(project(tmp_path, env="OTHER=1\n"), "embedded", place="host")

    assert "keys create" in refused.value.hint


def test_a_folder_without_secrets_gets_a_hint_how_to_generate_them(tmp_path: Path) -> None:
    with pytest.raises(EnvFileMissing, match=r"env does not exist") as refused:
        env(load_settings(tmp_path, environ={}), "embedded", place="host")

    assert "gatewayctl init" in refused.value.hint


def test_a_project_without_keys_gets_a_hint_to_declare_one(tmp_path: Path) -> None:
    with pytest.raises(VirtualKeyMissing, match="declares no virtual key"):
        env(project(tmp_path, "keys: {}\n"), "embedded", place="host")


def test_the_variables_cannot_be_changed_by_whoever_shows_them(settings: Settings) -> None:
    variables = env(settings, "embedded", place="host").variables

    with pytest.raises(TypeError):
        variables["LLM_API_KEY"] = "x"  # type: ignore[index]


@pytest.mark.parametrize(
    ("url", "inside"),
    [
        ("http://127.0.0.1:4000", "http://host.docker.internal:4000"),
        ("https://localhost/llm", "https://host.docker.internal/llm"),
        ("https://gateway.example.com/llm", "https://gateway.example.com/llm"),
        ("http://127.0.0.10:4000", "http://127.0.0.10:4000"),
    ],
)
def test_an_external_gateway_of_this_machine_has_another_address_in_a_container(
    tmp_path: Path, url: str, inside: str
) -> None:
    config = f"runtime: external\nexternal: {{url: '{url}'}}\nkeys: {{app: APP_KEY}}\n"
    settings = project(tmp_path, config, env="APP_KEY=sk-0123456789abcdef\n")

    assert env(settings, None, place="host").variables["LLM_BASE_URL"] == url
    found = env(settings, "external", place="container")
    assert found.variables["LLM_BASE_URL"] == inside


def test_in_a_cluster_services_are_found_from_every_namespace(tmp_path: Path) -> None:
    config = (
        "runtime: kubernetes\n"
        "kubernetes: {namespace: llm, access: ingress, ingress: {host: x.de}}\n"
        "tracing: [phoenix]\n"
    )
    settings = project(tmp_path, config, env=f"LITELLM_API_KEY={DEV}\n")

    found = env(settings, "kubernetes", place="cluster").variables

    assert found["LLM_BASE_URL"] == "http://litellm.llm.svc.cluster.local:4000"
    assert found["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://phoenix.llm.svc.cluster.local:6006"
    assert found["PHOENIX_COLLECTOR_ENDPOINT"] == "http://phoenix.llm.svc.cluster.local:6006"
    assert env(settings, "kubernetes", place="container").variables == found
    assert env(settings, "kubernetes", place="host").variables["LLM_BASE_URL"] == "http://x.de"


def test_outside_of_a_cluster_there_are_no_names_of_one(settings: Settings) -> None:
    with pytest.raises(UsageProblem, match="this one uses docker"):
        env(settings, "docker", place="cluster")
