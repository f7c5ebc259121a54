from __future__ import annotations

from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from gatewayctl.operations.project.adopt.run import adopt
from gatewayctl.rendering.plan import plan_files
from gatewayctl.settings.load import load_settings
from tests.unit.rendering.kubernetes.object_set import objects_of
from tests.unit.rendering.kubernetes.projects import CREDENTIALS, PROJECTS, SECRETS, load
from tests.unit.rendering.kubernetes.rules import find_faults

CONFIGS = sorted((Path(__file__).parents[3] / "cases" / "litellm-configs").glob("*.yaml"))
NEWEST = "1.37"
OF_OTHERS = ("postgresql.cnpg.io", "gateway.networking.k8s.io")
"""Their operators bring the schemas."""


@pytest.mark.parametrize("name", PROJECTS)
def test_every_object_fits_the_newest_schema_strictly(tmp_path: Path, name: str) -> None:
    """`validate` raises for what does not fit."""
    for item in objects_of(load(tmp_path, name)).objects:
        if not item["apiVersion"].startswith(OF_OTHERS):
            kubernetes_validate.validate(item, NEWEST, strict=True)


def test_a_field_that_the_newest_schema_lacks_is_refused(tmp_path: Path) -> None:
    deployment = objects_of(load(tmp_path, "reference")).named("Deployment", "litellm")
    assert deployment is not None
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    container["startUpProbe"] = container.pop("startupProbe")

    with pytest.raises(kubernetes_validate.ValidationError, match="startUpProbe"):
        kubernetes_validate.validate(deployment, NEWEST, strict=True)


@pytest.mark.parametrize("name", PROJECTS)
def test_every_object_follows_the_rules_that_schemas_do_not_know(tmp_path: Path, name: str) -> None:
    assert find_faults(objects_of(load(tmp_path, name))) == []


@pytest.mark.parametrize("name", PROJECTS)
def test_no_rendered_file_has_the_value_of_a_secret(tmp_path: Path, name: str) -> None:
    files = plan_files(load(tmp_path, name), runtime="kubernetes")

    text = "".join(file.content for file in files)

    assert [value for value in SECRETS.values() if value in text] == []
    assert "canary" not in text
    assert "Geh3im" in CREDENTIALS
    assert "Geh3im" not in text


@pytest.mark.parametrize("name", PROJECTS)
def test_the_kustomization_lists_exactly_the_other_files(tmp_path: Path, name: str) -> None:
    files = {
        file.path.name: file for file in plan_files(load(tmp_path, name), runtime="kubernetes")
    }

    listed = yaml.safe_load(files.pop("kustomization.yaml").content)["resources"]

    assert sorted(listed) == sorted(files)
    assert listed[0] == "namespace.yaml"


@pytest.mark.parametrize("original", CONFIGS, ids=lambda path: path.stem)
def test_an_adopted_configuration_keeps_the_rules(tmp_path: Path, original: Path) -> None:
    adopt(tmp_path / "shop", original, force=False, flags={})
    settings = load_settings(tmp_path / "shop", environ={})
    plain = [secret.reveal() for secret in settings.environment.values()]

    found = objects_of(settings)

    assert find_faults(found) == []
    (config,) = (item["data"] for item in found.kind("ConfigMap"))
    assert [value for value in plain if len(value) > 8 and value in str(config)] == []
