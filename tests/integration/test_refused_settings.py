"""Settings, runtimes and folders that no command that runs the stack accepts."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from gatewayctl.cli.app import app
from tests.integration.stack_project import Project, document


def test_an_unknown_setting_is_exit_code_3_with_its_place(project: Project) -> None:
    (project.folder / "gateway.yaml").write_text("portz:\n  litellm: 1\nrunetime: x\n")

    text = project.run("up")
    found = document(project.run("up", "--json"))

    assert text.exit_code == 3
    assert "gateway.yaml line 1 column 1: unknown setting 'portz'" in text.stderr
    assert found["error"]["code"] == "settings_invalid"
    assert [problem["source"] for problem in found["error"]["problems"]] == [
        "gateway.yaml line 1 column 1",
        "gateway.yaml line 3 column 1",
    ]
    assert project.runtime.calls == []


def test_a_weak_master_key_is_exit_code_3_before_anything_is_started(project: Project) -> None:
    (project.folder / ".env").write_text("LITELLM_MASTER_KEY=sk-1234\n")

    result = project.run("up")

    assert result.exit_code == 3
    assert "LITELLM_MASTER_KEY (.env line 1) is a publicly known key" in result.stderr
    assert project.runtime.calls == []


def test_an_unknown_runtime_is_refused_like_any_other_wrong_value(project: Project) -> None:
    flag = CliRunner().invoke(app, ["-C", str(project.folder), "--runtime", "swarm", "status"])
    (project.folder / "gateway.yaml").write_text("runtime: swarm\n")
    file = project.run("status")

    assert (flag.exit_code, file.exit_code) == (2, 3)
    assert "'swarm' is not one of" in flag.stderr
    assert "must be one of auto, embedded, docker, kubernetes, external, not 'swarm'" in file.stderr


def test_a_folder_that_does_not_exist_is_exit_code_2(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["-C", str(tmp_path / "nowhere"), "status"])

    assert result.exit_code == 2
    assert f"There is no folder {tmp_path}/nowhere" in result.stderr


@pytest.mark.parametrize("name", ["gateway.yaml", ".env"])
@pytest.mark.parametrize("runtime", ["embedded", "docker"])
def test_a_file_without_an_end_is_refused(tmp_path: Path, name: str, runtime: str) -> None:
    (tmp_path / name).symlink_to("/dev/zero")

    result = CliRunner().invoke(app, ["-C", str(tmp_path), "--runtime", runtime, "plan"])

    assert result.exit_code == 3, result.output
    assert name in result.stderr
    assert "ot a regular file" in result.stderr
