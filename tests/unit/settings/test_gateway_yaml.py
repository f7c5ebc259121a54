from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from gatewayctl.settings.gateway_yaml import first_gateway_yaml
from gatewayctl.settings.model import Settings
from gatewayctl.settings.scalars import slug
from tests.fakes.projects import project

# A setting has an even number of blanks behind its mark, a sentence an odd one.
SETTING = re.compile(r"#((?:  )*)(?! )(.+)")


def uncommented(text: str) -> str:
    lines = []
    for line in text.splitlines():
        found = SETTING.fullmatch(line)
        lines.append(line if found is None else found.group(1) + found.group(2))
    return "\n".join(lines)


def without_places(settings: Settings) -> Settings:
    return replace(settings, origins={})


def test_the_commented_file_declares_the_name_alone(tmp_path: Path) -> None:
    """So a project that is renamed keeps its virtual keys, containers and volumes."""
    text = first_gateway_yaml("x")

    assert yaml.safe_load(text) == {"project_name": "x"}
    assert without_places(project(tmp_path / "x", text)) == without_places(project(tmp_path / "x"))
    assert project(tmp_path / "renamed", text).project_name == "x"


@pytest.mark.parametrize("folder", ["shop", "My Gateway", "2026", "on", "1e3"])
def test_uncommented_it_declares_exactly_the_defaults(tmp_path: Path, folder: str) -> None:
    defaults = project(tmp_path / folder)

    declared = project(tmp_path / folder, uncommented(first_gateway_yaml(slug(folder))))

    assert without_places(declared) == without_places(defaults)
    assert str(declared.source_of("ports.phoenix_grpc")).startswith("gateway.yaml line ")


def test_uncommented_every_setting_of_the_table_is_there(tmp_path: Path) -> None:
    data = yaml.safe_load(uncommented(first_gateway_yaml("x")))

    assert set(data) == {
        "project_name",
        "runtime",
        "profile",
        "bind",
        "workers",
        "lock_timeout",
        "ca_bundle",
        "ports",
        "images",
        "external",
        "models",
        "keys",
        "components",
    }


def test_lines_have_at_most_100_characters() -> None:
    assert max(len(line) for line in first_gateway_yaml("x").splitlines()) <= 100
