from __future__ import annotations

import json
from pathlib import Path

import pytest

from gatewayctl.errors import EnvironmentBroken
from gatewayctl.runtimes.components import SoftwareComponent
from gatewayctl.runtimes.embedded.components import list_components
from gatewayctl.runtimes.embedded.environment import Environment


def install(environment: Environment, venv: str, name: str, version: str, *fields: str) -> None:
    folder = environment.site_packages(venv) / f"{name}-{version}.dist-info"
    folder.mkdir(parents=True)
    lines = ["Metadata-Version: 2.4", f"Name: {name}", f"Version: {version}", *fields]
    (folder / "METADATA").write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    made = Environment(root=tmp_path)
    install(made, "litellm", "LiteLLM", "1.2.3", "License-Expression: MIT")
    install(made, "litellm", "typing_extensions", "4.1", "License: PSF-2.0")
    install(made, "phoenix", "typing_extensions", "4.1", "License: PSF-2.0")
    install(made, "phoenix", "whole-text", "1", "License: Copyright", "        (c) someone")
    made.prisma.mkdir()
    packages = {"": {}, "node_modules/@prisma/client": {"version": "5.0", "license": "Apache-2.0"}}
    (made.prisma / "package-lock.json").write_text(json.dumps({"packages": packages}))
    made.complete_mark.write_text(json.dumps({"versions": {"postgres": "16.14"}}))
    return made


def test_every_package_is_listed_once(environment: Environment) -> None:
    found = list_components(environment)

    assert [each.purl for each in found] == [
        "pkg:generic/postgresql@16.14",
        "pkg:npm/%40prisma/client@5.0",
        "pkg:pypi/litellm@1.2.3",
        "pkg:pypi/typing-extensions@4.1",
        "pkg:pypi/whole-text@1",
    ]
    assert found[2] == SoftwareComponent(
        purl="pkg:pypi/litellm@1.2.3", name="litellm", version="1.2.3", license="MIT"
    )
    assert [each.license for each in found] == ["PostgreSQL", "Apache-2.0", "MIT", "PSF-2.0", ""]


def test_an_environment_that_is_not_installed_has_no_list(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentBroken, match="not installed yet"):
        list_components(Environment(root=tmp_path))
