from __future__ import annotations

from pathlib import Path

import pytest

from gatewayctl.settings.litellm.traps import SECTIONS
from gatewayctl.settings.load import load_settings
from tests.unit.operations.project.adopt.adopting import Adopted, adopt_text


def adopt(folder: Path, text: str, **files: str) -> Adopted:
    for name, content in files.items():
        path = folder / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return adopt_text(folder, text)


@pytest.mark.parametrize(
    ("files", "modules"),
    [
        ({"pkg/hooks": "", "pkg/__init__": ""}, {"pkg/hooks.py", "pkg/__init__.py"}),
        ({"pkg/hooks": "import logging, tools", "pkg/logging": "", "pkg/tools": ""},
         {"pkg/hooks.py"}),
        ({"pkg/hooks": "from . import tools\nfrom .. import up", "pkg/tools": "", "up": ""},
         {"pkg/hooks.py", "pkg/tools.py", "up.py"}),
        ({"pkg/hooks": "import own.deep.er", "own/__init__": "", "own/deep/er": "import os"},
         {"pkg/hooks.py", "own/__init__.py", "own/deep/er.py"}),
        ({"pkg/hooks": "from own import Thing", "own": "import pkg.hooks"},
         {"pkg/hooks.py", "own.py"}),
    ],
)  # fmt: skip
def test_the_modules_that_come_along_are_those_that_are_rendered(
    tmp_path: Path, files: dict[str, str], modules: set[str]
) -> None:
    adopted = adopt(tmp_path, "litellm_settings: {callbacks: [pkg.hooks.one]}\n", **files)
    assert adopted.targets == {"litellm.yaml", *modules}
    project = tmp_path / "new"
    for file in adopted.plan.files:
        (project / file.target).parent.mkdir(parents=True, exist_ok=True)
        (project / file.target).write_bytes(file.content)
    (project / "gateway.yaml").write_text("litellm: litellm.yaml\n")
    config = load_settings(project, environ={}).litellm
    assert config is not None
    assert set(config.modules) == modules


@pytest.mark.parametrize(
    "section",
    [
        "general_settings: {custom_ui_domain: api.example.com}",
        "general_settings: {pass_through_endpoints: [{path: /docs/openapi.json, target: x}]}",
        "model_list: [{model_name: a, model_info: {custom_tokenizer: x.y}}]",
        "litellm_settings: {callbacks: [litellm.integrations.x.y], my_callback: a.b}",
    ],
)
def test_a_value_with_dots_that_names_no_module_is_no_task(tmp_path: Path, section: str) -> None:
    assert adopt(tmp_path, f"{section}\n").notices == ""


@pytest.mark.parametrize(
    "section",
    [
        "litellm_settings: {callbacks: [hooks.one]}",
        "litellm_settings: {callbacks: hooks.one}",
        "general_settings: {custom_auth: hooks.one}",
        "guardrails: [{guardrail_name: g, litellm_params: {guardrail: hooks.One}}]",
        "litellm_settings: {custom_provider_map: [{provider: p, custom_handler: hooks.one}]}",
    ],
)
def test_a_module_that_is_not_there_is_reported(tmp_path: Path, section: str) -> None:
    adopted = adopt(tmp_path, f"{section}\n")
    assert "there is no hooks.py beside the configuration" in adopted.notices


def test_a_path_in_a_home_folder_is_reported(tmp_path: Path) -> None:
    adopted = adopt(tmp_path, "default_vertex_config: {vertex_credentials: ~/google.json}\n")
    assert "there is no ~/google.json beside the configuration" in adopted.notices


@pytest.mark.parametrize("section", [*SECTIONS, "include"])
def test_any_section_of_litellm_makes_a_configuration(tmp_path: Path, section: str) -> None:
    value = "[]" if section == "include" else "~"
    assert adopt(tmp_path, f"{section}: {value}\n").targets == {"litellm.yaml"}
