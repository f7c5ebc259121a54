"""Twelve configurations as operators write them: adopted, rendered and compared."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gatewayctl.cli.app import app
from gatewayctl.env_file.read import read_env_file

CASES = Path(__file__).parents[1] / "cases"
CONFIGS = sorted((CASES / "litellm-configs").glob("*.yaml"))
MODULES = {"my_hooks.py", "my_guard.py", "gatekeeper.py"}


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of this machine that a case reads, or that decides what runs."""
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "COHERE_API_KEY", "LITELLM_MASTER_KEY"):
        monkeypatch.delenv(name, raising=False)


def run(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["-C", str(folder), *arguments])


def content(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in found
        if ".gatewayctl" not in path.parts
    }


def compare(original: Path, folder: Path) -> str:
    """What is lost, by the comparison of the cases; it knows nothing of gatewayctl's code."""
    done = subprocess.run(
        [sys.executable, "same_gateway.py", str(original),
         str(folder / "compose" / "litellm_config.yaml"), "--env", str(folder / ".env")],
        cwd=CASES, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.stdout + done.stderr


@pytest.mark.parametrize("original", CONFIGS, ids=lambda path: path.stem)
def test_a_case_is_adopted_and_rendered_without_loss(tmp_path: Path, original: Path) -> None:
    adopted = run(tmp_path, "init", "--from", str(original))

    assert adopted.exit_code == 0, adopted.output
    assert "\nlitellm: litellm.yaml\n" in (tmp_path / "gateway.yaml").read_text()
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600
    check_only_secrets_changed(original, tmp_path / "litellm.yaml")
    assert not printed(tmp_path, adopted)
    assert not [line for line in adopted.stdout.splitlines() if len(line) > 80 and "/" not in line]

    for runtime in ("embedded", "docker"):
        rendered = run(tmp_path, "render", "--runtime", runtime)
        assert rendered.exit_code == 0, rendered.output
        assert compare(original, tmp_path).startswith("same: ")
    modules = MODULES & {path.name for path in tmp_path.iterdir()}
    assert modules <= {path.name for path in (tmp_path / "compose").iterdir()}

    before = content(tmp_path)
    again = run(tmp_path, "init", "--from", str(original), "--json")
    document = json.loads(again.stdout)
    assert (again.exit_code, document["data"]["changed"]) == (0, False)
    assert content(tmp_path) == before
    assert not printed(tmp_path, again)


def check_only_secrets_changed(original: Path, adopted: Path) -> None:
    """Everything else is as it was, byte by byte."""
    old = original.read_bytes().splitlines(keepends=True)
    new = adopted.read_bytes().splitlines(keepends=True)
    assert len(old) == len(new)
    for before, after in zip(old, new, strict=True):
        pattern = re.escape(re.sub(rb"os\.environ/\w+|\(removed\)", b"*", after))
        assert after == before or re.fullmatch(pattern.replace(rb"\*", b".*"), before, re.DOTALL)


def printed(folder: Path, result: Result) -> list[str]:
    """The names of the values of .env that a command printed."""
    values = read_env_file(folder / ".env")
    return [n for n, e in values.items() if len(e.value) > 7 and e.value in result.output]
