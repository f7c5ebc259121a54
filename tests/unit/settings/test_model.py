from __future__ import annotations

import copy
import pickle
from pathlib import Path

import pytest

from gatewayctl.settings.model import Secret, Source
from tests.fakes.projects import project

SECRET = Secret("sk-0123456789abcdefwxyz")


@pytest.mark.parametrize("shown", [str(SECRET), repr(SECRET), f"{SECRET}", f"{SECRET:>30}"])
def test_a_secret_shows_its_last_four_characters_only(shown: str) -> None:
    assert "sk-…wxyz" in shown
    assert "0123" not in shown


@pytest.mark.parametrize(
    ("value", "mask"),
    [("short", "…"), ("sk-too-short-12", "sk-…"), ("0123456789abcdef", "…cdef")],
)
def test_a_short_secret_shows_no_characters(value: str, mask: str) -> None:
    assert Secret(value).masked() == mask


@pytest.mark.parametrize("how", [pickle.dumps, copy.deepcopy])
def test_a_secret_cannot_be_serialized(how: object) -> None:
    with pytest.raises(TypeError, match="cannot be serialized"):
        how(SECRET)  # type: ignore[operator]


def test_secrets_compare_by_value() -> None:
    assert Secret("a") == Secret("a") != Secret("b")
    assert len({Secret("a"), Secret("a")}) == 1
    assert Secret("a") != "a"


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (Source(name="--runtime"), "--runtime"),
        (Source(name=".env", line=3), ".env line 3"),
        (Source(name="gateway.yaml", line=3, column=5), "gateway.yaml line 3 column 5"),
    ],
)
def test_a_source_prints_its_line_and_column(source: Source, text: str) -> None:
    assert str(source) == text


def test_settings_know_the_paths_of_a_project(tmp_path: Path) -> None:
    settings = project(tmp_path)

    assert settings.env_file == tmp_path / ".env"
    assert settings.config_file == tmp_path / "gateway.yaml"
    assert settings.compose_dir == tmp_path / "compose"
    assert settings.state_dir == tmp_path / ".gatewayctl"
    assert settings.gateway_url == "http://127.0.0.1:4000"
    assert settings.phoenix_url == "http://127.0.0.1:6006"


def test_services_on_all_interfaces_are_reached_by_loopback(tmp_path: Path) -> None:
    assert project(tmp_path, 'bind: "::"\n').gateway_url == "http://127.0.0.1:4000"
