"""`runtime: external`: what only the owner of the gateway can do is refused and changes nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gatewayctl.cli.app import app

OF_THE_OWNER = (
    *(("up",), ("down",), ("down", "--volumes", "--yes"), ("restart",), ("logs",), ("render",)),
    *(("backup",), ("restore", "FILE", "--yes"), ("reset", "--yes"), ("upgrade",)),
    *(("rollback", "--yes"), ("images", "pin"), ("sbom",), ("demo",)),
)


@pytest.mark.parametrize("words", OF_THE_OWNER, ids=" ".join)
def test_a_command_of_the_owner_is_refused_and_writes_nothing(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    (tmp_path / "gateway.yaml").write_text(
        "project_name: consumer\nruntime: external\nexternal: {url: http://127.0.0.1:9}\n"
    )
    (tmp_path / ".env").write_text("LITELLM_MASTER_KEY=sk-0123456789abcdef0123456789\n")
    (tmp_path / ".env").chmod(0o600)

    refused = CliRunner().invoke(app, ["-C", str(tmp_path), *words, "--json"])

    assert refused.exit_code == 4
    assert json.loads(refused.stdout)["error"]["code"] == "externally_managed"
    written = {path.name for path in tmp_path.iterdir()} - {".gatewayctl"}
    assert written == {".env", "gateway.yaml"}
    assert not (tmp_path / ".gatewayctl" / "runtime").exists()
