"""Values for the official charts; `test_charts.py` gives them to the charts themselves."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
import yaml

from gatewayctl.rendering.helm import plan_values
from gatewayctl.rendering.kubernetes.environment import litellm_environment
from gatewayctl.rendering.plan import litellm_files
from gatewayctl.settings.model import Settings
from tests.fakes.projects import project
from tests.unit.rendering.kubernetes.projects import PROJECTS, SECRETS, load

TEMPLATES = Path(__file__).parents[4] / "templates"


def text_of(settings: Settings, chart: str = "litellm") -> str:
    (text,) = (
        file.content for file in plan_values(settings) if file.path.name == f"{chart}-values.yaml"
    )
    return text


def values(settings: Settings, chart: str = "litellm") -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(text_of(settings, chart))
    return found


def config_map(settings: Settings) -> dict[str, Any]:
    """The object with LiteLLM's files."""
    (found,) = values(settings)["extraResources"]
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("name", PROJECTS)
def test_no_values_have_the_value_of_a_secret(tmp_path: Path, name: str) -> None:
    text = "".join(file.content for file in plan_values(load(tmp_path, name)))

    assert [value for value in SECRETS.values() if value in text] == []
    assert "canary" not in text
    assert "Geh3im" not in text


def test_the_header_lists_the_secrets_that_must_exist(tmp_path: Path) -> None:
    text = text_of(load(tmp_path, "replicas"))

    assert (
        "#   litellm: LITELLM_MASTER_KEY, LITELLM_SALT_KEY, UI_PASSWORD, [OPENAI_API_KEY], " in text
    )
    assert "#   postgres-litellm: LITELLM_POSTGRES_USER, LITELLM_POSTGRES_PASSWORD\n" in text
    assert "#   redis: REDIS_PASSWORD\n" in text
    assert "# LITELLM_POSTGRES_USER is litellm_user.\n" in text
    assert "The chart has no database and no Redis" in text


def test_the_header_lists_the_keys_of_mounted_files(tmp_path: Path) -> None:
    text = text_of(load(tmp_path, "mirror"))

    assert "#   litellm-files: etc_vertex.json, etc_more_a_b.txt, etc_more_c.bin\n" in text


def test_the_header_lists_every_key_of_one_secret_for_everything(tmp_path: Path) -> None:
    (line,) = (
        line
        for line in text_of(load(tmp_path, "existing secret")).splitlines()
        if line.startswith("#   ") and ":" in line and not line.startswith(("#   helm", "#     "))
    )

    assert line.startswith("#   from-vault: LITELLM_MASTER_KEY, LITELLM_SALT_KEY, UI_PASSWORD, ")
    assert {"LITELLM_POSTGRES_USER", "LITELLM_POSTGRES_PASSWORD", "REDIS_PASSWORD"} < set(
        line.replace(",", "").split()
    )


def test_the_operator_s_own_secret_has_the_credentials_of_its_database(tmp_path: Path) -> None:
    text = text_of(load(tmp_path, "cloudnative"))

    assert "#   postgres-litellm-app: username, password\n" in text
    assert "litellm_user" not in text


def test_litellm_composes_the_url_of_the_database_that_the_project_runs(tmp_path: Path) -> None:
    settings = project(tmp_path)

    assert "database_url" not in config_map(settings)["data"]["litellm_config.yaml"]
    found = values(settings)
    variables = [each["name"] for each in found["gateway"]["extraEnv"]]
    assert [name for name in variables if "DATABASE" in name or "POSTGRES" in name] == []


@pytest.mark.parametrize("variable", ["DATABASE", "DATABASE_URL"])
def test_the_whole_url_of_an_external_database_reaches_the_pods_and_the_job(
    tmp_path: Path, variable: str
) -> None:
    # Also without .env: the values have no part of the URL.
    settings = project(tmp_path, f"services: {{postgres: {variable}}}\n")

    found = values(settings)

    url = {
        "name": "DATABASE_URL",
        "valueFrom": {"secretKeyRef": {"name": "litellm", "key": variable}},
    }
    assert url in found["gateway"]["extraEnv"]
    assert url in found["migrationJob"]["extraEnv"]
    # The chart insists on a user and a password.
    assert found["database"]["writer"]["passwordSecret"] == {
        "name": "litellm",
        "usernameKey": variable,
        "passwordKey": variable,
    }
    assert f"UI_PASSWORD, {variable}, [OPENAI_API_KEY]" in text_of(settings)


@pytest.mark.parametrize(
    ("image", "parts"),
    [
        ("ghcr.io/berriai/litellm:v1.108.14", ("ghcr.io/berriai/litellm", "v1.108.14", None)),
        ("host:5000/litellm:1", ("host:5000/litellm", "1", None)),
        (
            f"host:5000/litellm@sha256:{'0' * 64}",
            ("host:5000/litellm", "", f"sha256:{'0' * 64}"),
        ),
    ],
)
def test_an_image_is_given_in_parts(
    tmp_path: Path, image: str, parts: tuple[str, str, str | None]
) -> None:
    found = values(project(tmp_path, f"images: {{litellm: '{image}'}}\n"))["image"]

    assert (found["repository"], found["tag"], found.get("digest")) == parts


@pytest.mark.parametrize("name", PROJECTS)
def test_litellm_s_configuration_is_the_same_as_without_a_chart(tmp_path: Path, name: str) -> None:
    settings = load(tmp_path, name)
    expected, *others = litellm_files(settings, TEMPLATES).values()

    found, *found_others = config_map(settings)["data"].values()

    config = yaml.safe_load(expected)
    if settings.services.postgres is None:
        del config["general_settings"]["database_url"]
    assert yaml.safe_load(found) == config
    assert found.startswith("# Rendered by gatewayctl")
    assert found_others == [text.replace("{{", "{{`{{`}}") for text in others]


def test_small_numbers_of_the_configuration_stay_numbers(tmp_path: Path) -> None:
    settings = project(
        tmp_path,
        "models: {cheap: {model: openai/x, model_info: {input_cost_per_token: 1.0e-07}}}\n",
    )

    config = yaml.safe_load(config_map(settings)["data"]["litellm_config.yaml"])

    (cheap,) = (model for model in config["model_list"] if model["model_name"] == "cheap")
    assert cheap["model_info"]["input_cost_per_token"] == 1e-07


def test_text_that_helm_would_read_as_a_template_is_escaped(tmp_path: Path) -> None:
    (tmp_path / "prompt.txt").write_text("Answer {{ question }}")
    settings = project(tmp_path, "services: {litellm: {files: [prompt.txt]}}\n")

    assert config_map(settings)["data"]["prompt.txt"] == "Answer {{`{{`}} question }}"


def test_a_file_with_control_characters_is_written_as_base64(tmp_path: Path) -> None:
    (tmp_path / "odd.txt").write_text("a\x7fb {{ c }}\n")
    settings = project(tmp_path, "services: {litellm: {files: [odd.txt]}}\n")

    found = config_map(settings)

    assert "odd.txt" not in found["data"]
    assert base64.b64decode(found["binaryData"]["odd.txt"]) == b"a\x7fb {{ c }}\n"


def test_traces_go_to_the_service_of_the_other_chart_and_not_to_a_proxy(tmp_path: Path) -> None:
    variables = values(project(tmp_path))["gateway"]["extraEnv"]

    found = {each["name"]: each.get("value") for each in variables}
    assert found["PHOENIX_COLLECTOR_HTTP_ENDPOINT"] == "http://phoenix-svc:6006/v1/traces"
    assert "phoenix-svc" in found["NO_PROXY"].split(",")
    assert "phoenix" not in found["NO_PROXY"].split(",")


def test_a_pod_has_only_the_keys_of_a_secret_that_it_uses(tmp_path: Path) -> None:
    settings = load(tmp_path, "existing secret")

    gateway = values(settings)["gateway"]

    assert "envSecrets" not in gateway
    ours = [each for each in litellm_environment(settings) if "valueFrom" in each]
    found = [each for each in gateway["extraEnv"] if "valueFrom" in each]
    of_chart = {"LITELLM_MASTER_KEY", "LITELLM_POSTGRES_PASSWORD", "REDIS_PASSWORD"}
    assert found == [each for each in ours if each["name"] not in of_chart]


def test_the_amounts_of_the_charts_do_not_count(tmp_path: Path) -> None:
    # Without a limit of ours: the chart's would be lower than the request.
    text = "{requests: {memory: 8Gi}}"
    settings = project(
        tmp_path, f"kubernetes: {{resources: {{litellm: {text}, phoenix: {text}}}}}\n"
    )

    for found in (values(settings)["gateway"], values(settings, "phoenix")):
        assert found["resources"]["limits"] == {"cpu": None, "memory": None}
        assert found["resources"]["requests"]["memory"] == "8Gi"


@pytest.mark.parametrize(
    ("size", "number"), [("20Gi", 20), ("1Ti", 1024), ("500Mi", 1), ("1.5Gi", 1), ("10G", 9)]
)
def test_phoenix_knows_the_size_of_its_volume(tmp_path: Path, size: str, number: int) -> None:
    settings = project(tmp_path, f"kubernetes: {{storage: {{postgres_phoenix: {size}}}}}\n")

    assert values(settings, "phoenix")["database"]["allocatedStorageGiB"] == number
