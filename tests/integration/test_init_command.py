from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gatewayctl.cli.app import app

KEY = "sk-openai-0123456789abcdef"
VARIABLES = ("OPENAI_API_KEY", "LITELLM_MASTER_KEY", "GATEWAYCTL_RUNTIME", "GATEWAYCTL_JSON")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def init(folder: Path, *arguments: str, stdin: str | bytes | None = None) -> Result:
    return CliRunner().invoke(app, ["-C", str(folder), "init", *arguments], input=stdin)


def secrets(folder: Path) -> list[str]:
    text = (folder / ".env").read_text()
    return re.findall(r"^[A-Z_]+=(.+)$", text, flags=re.MULTILINE)


def test_init_shows_what_it_created_and_the_next_step(tmp_path: Path) -> None:
    result = init(tmp_path)

    assert result.exit_code == 0
    assert result.stdout == (
        "written  gateway.yaml\n"
        "added    .env: LITELLM_MASTER_KEY, LITELLM_SALT_KEY, LITELLM_POSTGRES_PASSWORD,"
        " POSTGRES_PASSWORD, UI_PASSWORD\n"
        "added    .gitignore: .env, .env.gatewayctl-tmp, .gatewayctl/, *.gatewayctl-backup\n"
        "not set  OPENAI_API_KEY: models that need it fail until it is set in .env\n"
        f"next     `gatewayctl -C {tmp_path} up`\n"
    )
    assert result.stderr == ""


def test_a_second_init_reports_that_nothing_changed(tmp_path: Path) -> None:
    init(tmp_path)

    result = init(tmp_path)

    assert result.exit_code == 0
    assert result.stdout.startswith("Nothing changed: ")


def test_init_takes_the_key_of_openai_from_standard_input(tmp_path: Path) -> None:
    result = init(tmp_path, "--openai-api-key-stdin", "--json", stdin=f"{KEY}\r\n")

    document = json.loads(result.stdout)
    assert (result.exit_code, document["status"]) == (0, "success")
    assert document["schema"] == "gatewayctl/1"
    assert document["data"]["openai_api_key"] == "added"
    assert document["data"]["provider_keys_missing"] == []
    assert document["data"]["changed"] is True
    assert KEY in secrets(tmp_path)
    assert not any(secret in result.output for secret in secrets(tmp_path))


@pytest.mark.parametrize(
    "stdin", ["", "\n", "one two\n", f"{KEY}\n{KEY}\n", b"\xff\xfe\n", "x" * 20_000]
)
def test_anything_but_one_key_on_standard_input_is_a_usage_error(
    tmp_path: Path, stdin: str | bytes
) -> None:
    result = init(tmp_path, "--openai-api-key-stdin", "--json", stdin=stdin)

    assert result.exit_code == 2
    assert json.loads(result.stdout)["error"]["code"] == "usage"
    assert KEY not in result.output
    assert list(tmp_path.iterdir()) == []


def test_another_key_is_not_taken_and_exit_code_and_json_say_so(tmp_path: Path) -> None:
    init(tmp_path, "--openai-api-key-stdin", stdin=KEY)

    result = init(tmp_path, "--openai-api-key-stdin", "--json", stdin="sk-another-0123456789")

    document = json.loads(result.stdout)
    assert (result.exit_code, document["status"]) == (7, "partial")
    assert document["data"]["openai_api_key"] == "kept"
    assert document["error"]["code"] == "partly_done"
    assert KEY in secrets(tmp_path)


def test_another_key_is_taken_with_force(tmp_path: Path) -> None:
    init(tmp_path, "--openai-api-key-stdin", stdin=KEY)

    result = init(tmp_path, "--openai-api-key-stdin", "--force", stdin="sk-another-0123456789")

    assert result.exit_code == 0
    assert "replaced .env: OPENAI_API_KEY\n" in result.stdout
    assert "sk-another-0123456789" in secrets(tmp_path)


def test_force_names_the_file_that_holds_the_old_settings(tmp_path: Path) -> None:
    (tmp_path / "gateway.yaml").write_text("runtime: embedded\n")

    result = init(tmp_path, "--force")

    assert result.exit_code == 0
    assert "replaced gateway.yaml (old file: gateway.yaml.bak)\n" in result.stdout
    assert (tmp_path / "gateway.yaml.bak").read_text() == "runtime: embedded\n"


def test_wrong_settings_are_listed_with_their_places(tmp_path: Path) -> None:
    (tmp_path / "gateway.yaml").write_text("prots: 1\nports: {litellm: 0}\n")

    text, document = init(tmp_path), json.loads(init(tmp_path, "--json").stdout)

    assert text.exit_code == 3
    assert "gateway.yaml line 1 column 1: unknown setting 'prots'" in text.stderr
    assert document["error"]["code"] == "settings_invalid"
    assert [problem["source"] for problem in document["error"]["problems"]] == [
        "gateway.yaml line 1 column 1",
        "gateway.yaml line 2 column 18",
    ]


def test_warnings_are_shown(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("LITELLM_MASTER_KEY=sk-1234\n")
    (tmp_path / ".env").chmod(0o600)

    result = init(tmp_path)

    assert result.exit_code == 0
    assert "Warning: LITELLM_MASTER_KEY (.env line 1) is a publicly known key" in result.stdout
