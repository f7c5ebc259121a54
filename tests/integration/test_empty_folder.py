"""Commands in an empty folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gatewayctl.cli.app import app


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
