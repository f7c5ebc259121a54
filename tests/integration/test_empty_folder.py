"""Commands in an empty folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gatewayctl.cli.app import app
from tests.integration.stack_project import Project, document


@pytest.mark.parametrize(
    "words", [["chat", "hello"], ["env"], ["keys", "list"], ["keys", "create"]], ids=" ".join
)
def test_a_missing_env_file_is_reported_with_the_command_that_creates_it(
    tmp_path: Path, words: list[str]
) -> None:
    done = CliRunner().invoke(app, ["-C", str(tmp_path), *words, "--json"])

    error = json.loads(done.stdout)["error"]
    assert (done.exit_code, error["code"]) == (3, "env_file_missing")
    assert "gatewayctl init" in error["hint"]
    assert not (tmp_path / ".env").exists()


def test_a_folder_that_is_a_link_to_itself_is_exit_code_2(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")

    for verb in ("status", "render", "doctor"):
        assert Project(folder=tmp_path / "loop").run(verb).exit_code in {2, 7}, verb
    assert Project(folder=tmp_path / "loop").run("init").exit_code == 3


def test_a_gitignore_that_is_a_link_to_itself_is_exit_code_3(project: Project) -> None:
    (project.folder / ".gitignore").symlink_to(".gitignore")

    assert project.run("init").exit_code == 3


def test_a_current_folder_that_was_deleted_is_exit_code_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    tmp_path.rmdir()

    result = CliRunner().invoke(app, ["status", "--json"])

    assert result.exit_code == 2
    assert document(result)["error"]["message"] == "The current folder no longer exists."
