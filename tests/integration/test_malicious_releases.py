"""``up``, ``restart`` and ``upgrade`` on a release of LiteLLM that is known to be malicious."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.stack_project import Project, document

BAD = "LiteLLM-48117"


@pytest.fixture
def chosen(project: Project) -> Project:
    """A project whose gateway.yaml selects it, on a runtime with images."""
    project.runtime.name = "docker"
    (project.folder / "gateway.yaml").write_text(
        "images:\n  litellm: ghcr.io/berriai/litellm:v1.107.0\n", encoding="utf-8"
    )
    return project


def files(project: Project) -> set[Path]:
    return set(project.folder.rglob("*"))


@pytest.mark.parametrize("verb", ["up", "restart"])
def test_it_is_refused_before_anything_is_changed(chosen: Project, verb: str) -> None:
    before = files(chosen)

    error = document(chosen.run(verb, "--json"))["error"]

    assert error["code"] == error["finding"] == "litellm_malicious"
    assert "images.litellm (gateway.yaml line 2" in error["message"]
    assert f"({BAD}). Nothing was changed." in error["message"]
    assert chosen.run(verb).exit_code == 3
    assert (files(chosen), chosen.runtime.calls) == (before, [])


@pytest.mark.parametrize("verb", ["up", "restart"])
def test_an_accepted_risk_lets_it_start(chosen: Project, verb: str) -> None:
    chosen.run("init")
    words = ("--no-keys",) if verb == "up" else ()

    assert chosen.run(verb, *words, "--accept-risk", BAD).exit_code == 0


def test_the_embedded_runtime_does_not_start_that_image(chosen: Project) -> None:
    chosen.runtime.name = "embedded"

    assert chosen.run("up", "--no-keys").exit_code == 0


def test_the_id_of_a_risk_must_exist(chosen: Project) -> None:
    result = chosen.run("up", "--accept-risk", "CVE-1")

    assert result.exit_code == 2
    assert "Invalid --accept-risk 'CVE-1'" in result.stderr
