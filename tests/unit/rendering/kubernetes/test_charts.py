"""Values for the official charts; with GATEWAYCTL_TEST_CHARTS the charts themselves take them.

That is a folder with ``litellm/`` (helm/litellm of BerriAI/litellm) and ``phoenix/`` (helm of
Arize-ai/phoenix, with its dependency), and `helm` is a program of the machine.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from gatewayctl.errors import SettingsInvalid
from gatewayctl.rendering.helm import plan_values
from gatewayctl.settings.model import Settings
from tests.fakes.projects import project
from tests.unit.rendering.kubernetes.object_set import Object
from tests.unit.rendering.kubernetes.projects import PROJECTS, SECRETS, load

CHARTS = Path(os.environ.get("GATEWAYCTL_TEST_CHARTS", "/nowhere"))


def values(settings: Settings, chart: str) -> dict[str, Any]:
    (text,) = (
        file.content for file in plan_values(settings) if file.path.name == f"{chart}-values.yaml"
    )
    found: dict[str, Any] = yaml.safe_load(text)
    return found


def template(settings: Settings, chart: str, folder: Path) -> list[Object]:
    """What `helm template` makes of the chart with our values."""
    if not (CHARTS / chart).is_dir() or shutil.which("helm") is None:
        pytest.skip(f"GATEWAYCTL_TEST_CHARTS has no {chart}, or there is no helm")
    file = folder / "values.yaml"
    file.write_text(yaml.safe_dump(values(settings, chart)))
    done = subprocess.run(
        ["helm", "template", chart, str(CHARTS / chart), "--values", str(file)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [item for item in yaml.safe_load_all(done.stdout) if item]


@pytest.mark.parametrize("name", PROJECTS)
def test_no_values_have_the_value_of_a_secret(tmp_path: Path, name: str) -> None:
    text = "".join(file.content for file in plan_values(load(tmp_path, name)))

    assert [value for value in SECRETS.values() if value in text] == []
    assert "canary" not in text
    assert "Geh3im" not in text


def test_the_header_lists_the_secrets_that_must_exist(tmp_path: Path) -> None:
    (text,) = (
        file.content
        for file in plan_values(load(tmp_path, "replicas"))
        if file.path.name == "litellm-values.yaml"
    )

    # The chart has no use for the password under our own name.
    assert (
        "#   litellm: LITELLM_MASTER_KEY, LITELLM_SALT_KEY, UI_PASSWORD, REDIS_PASSWORD, " in text
    )
    assert "#   redis: REDIS_PASSWORD\n" in text
    assert "#   postgres-litellm: username, password\n" in text
    assert "The chart has no database and no Redis" in text


def test_the_chart_composes_the_address_of_the_database(tmp_path: Path) -> None:
    found = values(load(tmp_path, "external database"), "litellm")

    writer = found["database"]["writer"]
    assert (writer["host"], writer["port"], writer["dbname"]) == ("db.example.com", 6432, "gateway")
    config = found["gateway"]["config"]["proxy_config"]
    assert "database_url" not in config["general_settings"]


def test_without_the_address_of_the_database_the_values_are_refused(tmp_path: Path) -> None:
    settings = project(tmp_path, "services: {postgres: DATABASE}\n")

    with pytest.raises(SettingsInvalid, match=r"set DATABASE in \.env"):
        plan_values(settings)


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
    found = values(project(tmp_path, f"images: {{litellm: '{image}'}}\n"), "litellm")["image"]

    assert (found["repository"], found["tag"], found.get("digest")) == parts


def test_text_that_helm_would_read_as_a_template_is_escaped(tmp_path: Path) -> None:
    (tmp_path / "prompt.txt").write_text("Answer {{ question }}")
    settings = project(tmp_path, "services: {litellm: {files: [prompt.txt]}}\n")

    (files,) = values(settings, "litellm")["extraResources"]

    assert files["data"]["prompt.txt"] == "Answer {{`{{`}} question }}"


def test_traces_go_to_the_service_of_the_other_chart(tmp_path: Path) -> None:
    variables = values(project(tmp_path), "litellm")["gateway"]["extraEnv"]

    found = {each["name"]: each.get("value") for each in variables}
    assert found["PHOENIX_COLLECTOR_HTTP_ENDPOINT"] == "http://phoenix-svc:6006/v1/traces"


@pytest.mark.parametrize("name", ["production", "autoscaling", "ingress", "cloudnative"])
def test_phoenix_s_chart_takes_the_values(tmp_path: Path, name: str) -> None:
    objects = template(load(tmp_path, name), "phoenix", tmp_path)

    (deployment,) = (item for item in objects if item["kind"] == "Deployment")
    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert deployment["spec"]["strategy"] == {"type": "Recreate"}
    assert "cpu" not in container["resources"]["limits"]
    assert {item["kind"] for item in objects} >= {"Service", "ConfigMap"}
    assert "Secret" not in {item["kind"] for item in objects}
    assert ("Ingress" in {item["kind"] for item in objects}) == (name == "ingress")


@pytest.mark.parametrize("name", ["production", "autoscaling", "ingress", "mirror"])
def test_litellm_s_chart_takes_the_values(tmp_path: Path, name: str) -> None:
    objects = template(load(tmp_path, name), "litellm", tmp_path)

    (deployment,) = (item for item in objects if item["kind"] == "Deployment")
    spec = deployment["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    assert deployment["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    assert container["lifecycle"]["preStop"]
    assert spec["terminationGracePeriodSeconds"] == 630
    assert "Job" in {item["kind"] for item in objects}
    assert "Secret" not in {item["kind"] for item in objects}
