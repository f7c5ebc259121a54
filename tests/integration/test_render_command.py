from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gatewayctl.cli.app import app

CALLBACKS = "compose/litellm_callbacks.py"
CONFIG = "compose/litellm_config.yaml"


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GATEWAYCTL_RUNTIME", "GATEWAYCTL_JSON"):
        monkeypatch.delenv(name, raising=False)


def render(folder: Path, *arguments: str) -> Result:
    command = ["-C", str(folder), "--runtime", "embedded", "render", *arguments]
    return CliRunner().invoke(app, command)


def test_render_writes_and_the_second_time_has_nothing_to_do(tmp_path: Path) -> None:
    first, again = render(tmp_path), render(tmp_path)

    assert (first.exit_code, again.exit_code) == (0, 0)
    assert first.stdout == f"created   {CALLBACKS}\ncreated   {CONFIG}\ncompose/ is current now.\n"
    assert again.stdout == (
        f"unchanged {CALLBACKS}\nunchanged {CONFIG}\nNothing to do: compose/ is current.\n"
    )
    assert (tmp_path / CONFIG).is_file()


def test_check_exits_8_on_drift_and_names_the_file(tmp_path: Path) -> None:
    render(tmp_path)
    (tmp_path / CONFIG).write_text("by hand\n")

    result = render(tmp_path, "--check")

    assert result.exit_code == 8
    assert f"changed   {CONFIG}" in result.stdout
    assert f"{CONFIG} differs from what gateway.yaml declares." in result.stderr
    assert (tmp_path / CONFIG).read_text() == "by hand\n"


def test_check_exits_0_when_current(tmp_path: Path) -> None:
    render(tmp_path)

    assert render(tmp_path, "--check").exit_code == 0


def test_a_diff_is_shown_unwrapped_and_masked(tmp_path: Path) -> None:
    long = f"api_key: sk-{'0123456789' * 20}"
    (tmp_path / "compose").mkdir()
    (tmp_path / CONFIG).write_text(f"{long}\n[red]{'x' * 200}[/red]\n")

    result = render(tmp_path, "--check", "--diff")

    assert "-api_key: sk-…6789\n" in result.stdout
    assert f"-[red]{'x' * 200}[/red]\n" in result.stdout
    assert "0123456789" not in result.output


def test_json_has_the_files_and_the_drift(tmp_path: Path) -> None:
    checked = render(tmp_path, "--check", "--diff", "--json")
    written = render(tmp_path, "--json")

    document = json.loads(checked.stdout)
    assert (checked.exit_code, document["status"]) == (8, "partial")
    assert document["error"]["code"] == "drift"
    files = document["data"]["files"]
    assert [(file["path"], file["state"]) for file in files] == [
        (CALLBACKS, "missing"),
        (CONFIG, "missing"),
    ]
    assert "+import litellm" in files[0]["diff"]
    assert "+model_list:" in files[1]["diff"]
    document = json.loads(written.stdout)
    assert (written.exit_code, document["status"], document["command"]) == (0, "success", "render")
    assert document["data"]["files"] == [
        {"path": path, "state": "created", "diff": None} for path in (CALLBACKS, CONFIG)
    ]


def test_invalid_settings_are_refused(tmp_path: Path) -> None:
    (tmp_path / "gateway.yaml").write_text("models: {m: {}}\n")

    result = render(tmp_path)

    assert result.exit_code == 3
    assert not (tmp_path / "compose").exists()


def test_a_folder_that_cannot_be_written_is_exit_3(tmp_path: Path) -> None:
    (tmp_path / "compose").write_text("a file")

    result = render(tmp_path)

    assert result.exit_code == 3
    assert "Not a directory" in result.stderr
