from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from gatewayctl.rendering.targets import Target, plan_target
from tests.fakes.projects import project

BUILT = "apps: {web: {build: ./web}}\nservices: {litellm: {mounts: {/etc/words: words}}}\n"


@pytest.mark.parametrize(
    ("target", "some"),
    [
        ("compose", {"docker-compose.yml", "litellm_config.yaml"}),
        ("kubernetes", {"kubernetes/kustomization.yaml", "kubernetes/litellm.yaml"}),
        ("helm", {"helm/litellm-values.yaml", "helm/phoenix-values.yaml"}),
    ],
)
def test_a_project_is_rendered_for_any_target(
    tmp_path: Path, target: Target, some: set[str]
) -> None:
    settings = project(tmp_path, "runtime: embedded\n")

    assert some <= {str(file.path) for file in plan_target(settings, target)}


@pytest.mark.parametrize(
    ("folder", "seen"), [("compose", "../web"), ("a/b", "../../web"), (".", "web")]
)
def test_folders_of_the_project_are_named_as_seen_from_the_output(
    tmp_path: Path, folder: str, seen: str
) -> None:
    (tmp_path / "words").write_text("a")
    files = plan_target(project(tmp_path, BUILT), "compose", folder=tmp_path / folder)

    (text,) = (file.content for file in files if file.path.name == "docker-compose.yml")
    services = yaml.safe_load(text)["services"]
    assert services["web"]["build"] == seen
    (mount,) = (each for each in services["litellm"]["volumes"] if each["target"] == "/etc/words")
    assert mount["source"] == seen.replace("web", "words")
