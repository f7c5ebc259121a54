from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import respx
from httpx import MockTransport
from typer.testing import CliRunner, Result

from gatewayctl.cli.app import app
from gatewayctl.cli.context import Overrides
from tests.fakes.litellm import FakeLiteLLM, sha256
from tests.fakes.projects import MASTER_KEY

VARIABLES = (
    "LITELLM_MASTER_KEY",
    "LITELLM_API_KEY",
    "LITELLM_EVAL_KEY",
    "MY_APP_KEY",
    "GATEWAYCTL_JSON",
)


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / ".env").write_text(f"LITELLM_MASTER_KEY={MASTER_KEY}\n")
    (tmp_path / ".env").chmod(0o600)
    return tmp_path


@pytest.fixture
def fake() -> FakeLiteLLM:
    return FakeLiteLLM()


def keys(folder: Path, fake: FakeLiteLLM, *arguments: str) -> Result:
    return CliRunner().invoke(
        app, ["-C", str(folder), "keys", *arguments], obj=Overrides(transport=fake.transport())
    )


def secret(folder: Path, name: str) -> str:
    found = re.search(rf"^{name}=(.+)$", (folder / ".env").read_text(), flags=re.MULTILINE)
    assert found is not None
    return found.group(1)


def test_create_creates_the_declared_keys_and_shows_them_masked(
    folder: Path, fake: FakeLiteLLM
) -> None:
    result = keys(folder, fake, "create")

    created = [secret(folder, name) for name in ("LITELLM_API_KEY", "LITELLM_EVAL_KEY")]
    assert result.exit_code == 0
    assert set(fake.keys) == {sha256(value) for value in created}
    assert "litellm-dev" in result.stdout
    assert f"sk-…{created[0][-4:]}" in result.stdout
    assert not [value for value in created if value in result.output]
    assert f"Written to {folder / '.env'}." in result.stdout


def test_a_second_create_reports_that_there_is_nothing_to_do(
    folder: Path, fake: FakeLiteLLM
) -> None:
    keys(folder, fake, "create")

    result = keys(folder, fake, "create")

    assert result.exit_code == 0
    assert result.stdout.endswith("Nothing to do: every key exists.\n")


def test_create_in_json_has_the_report_and_no_secret(folder: Path, fake: FakeLiteLLM) -> None:
    result = keys(folder, fake, "create", "litellm-dev", "--json")

    document = json.loads(result.stdout)
    value = secret(folder, "LITELLM_API_KEY")
    (key,) = document["data"]["keys"]
    assert (document["status"], document["command"]) == ("success", "keys create")
    assert (key["alias"], key["env"], key["status"]) == (
        "litellm-dev",
        "LITELLM_API_KEY",
        "created",
    )
    assert key["key"] == f"sk-…{value[-4:]}"
    assert key["metadata"]["environment"] == "development"
    assert document["data"]["env_file"] == str(folder / ".env")
    assert value not in result.output


def test_show_prints_the_plain_key_and_nothing_else(folder: Path, fake: FakeLiteLLM) -> None:
    one = keys(folder, fake, "create", "my-app", "--show")
    all_of_them = keys(folder, fake, "create", "--show")

    assert one.stdout == f"{secret(folder, 'MY_APP_KEY')}\n"
    assert all_of_them.stdout == (
        f"LITELLM_API_KEY={secret(folder, 'LITELLM_API_KEY')}\n"
        f"LITELLM_EVAL_KEY={secret(folder, 'LITELLM_EVAL_KEY')}\n"
    )


def test_a_key_of_the_command_line_has_the_requested_options(
    folder: Path, fake: FakeLiteLLM
) -> None:
    result = keys(
        folder,
        fake,
        *("create", "my-app", "--env", "APP_TOKEN", "--model", "demo", "--model", "gpt-4o"),
        *("--metadata", "team=search", "--duration", "30d", "--json"),
    )

    body = fake.sent("/key/generate")
    assert result.exit_code == 0
    assert (body["key_alias"], body["models"], body["duration"]) == (
        "my-app",
        ["demo", "gpt-4o"],
        "30d",
    )
    assert body["metadata"]["team"] == "search"
    assert body["key"] == secret(folder, "APP_TOKEN")
    expires = json.loads(result.stdout)["data"]["keys"][0]["expires"]
    assert expires == "2027-01-01T00:00:00+00:00"


@pytest.mark.parametrize(
    ("arguments", "code", "name"),
    [
        (["create", "my-app", "--env", "OPENAI_API_KEY"], 2, "usage"),
        (["create", "my-app", "--duration", "soon"], 2, "usage"),
        (["create", "my-app", "--metadata", "team"], 2, "usage"),
        (["create", "--env", "X_KEY"], 2, "usage"),
        (["create", "theirs"], 6, "key_alias_exists"),
    ],
)
def test_a_key_that_cannot_be_created_changes_nothing(
    folder: Path, fake: FakeLiteLLM, arguments: list[str], code: int, name: str
) -> None:
    fake.add("sk-theirs-0123456789abcdef", "theirs")
    before = (folder / ".env").read_text()

    result = keys(folder, fake, *arguments, "--json")

    assert result.exit_code == code
    assert json.loads(result.stdout)["error"]["code"] == name
    assert (folder / ".env").read_text() == before
    assert len(fake.keys) == 1


def test_a_partial_success_is_exit_7_with_both_lists(folder: Path, fake: FakeLiteLLM) -> None:
    fake.add("sk-theirs-0123456789abcdef", "litellm-dev")

    result = keys(folder, fake, "create", "--json")

    document = json.loads(result.stdout)
    assert (result.exit_code, document["status"]) == (7, "partial")
    assert [key["alias"] for key in document["data"]["keys"]] == ["litellm-eval"]
    assert [key["code"] for key in document["data"]["failed"]] == ["key_alias_exists"]
    assert document["error"]["code"] == "partly_done"


@pytest.mark.parametrize("verb", ["create", "list"])
@pytest.mark.parametrize(
    ("status", "kind", "message", "code", "name"),
    [
        (401, "token_not_found_in_db", "Authentication Error", 6, "master_key_refused"),
        (500, "internal_server_error", "Database not connected", 6, "gateway_database_missing"),
    ],
)
def test_a_refused_master_key_and_a_missing_database_are_different_errors(
    folder: Path, verb: str, status: int, kind: str, message: str, code: int, name: str
) -> None:
    router = respx.MockRouter()
    body = {"error": {"message": message, "type": kind, "param": None, "code": str(status)}}
    router.get("http://127.0.0.1:4000/key/list").respond(status, json=body)

    result = CliRunner().invoke(
        app,
        ["-C", str(folder), "keys", verb, "--json"],
        obj=Overrides(transport=MockTransport(router.handler)),
    )

    assert result.exit_code == code
    assert json.loads(result.stdout)["error"]["code"] == name


def test_without_env_the_error_tells_that_it_is_missing(tmp_path: Path, fake: FakeLiteLLM) -> None:
    result = keys(tmp_path, fake, "list", "--json")

    assert result.exit_code == 3
    assert json.loads(result.stdout)["error"]["code"] == "env_file_missing"


def test_list_joins_declared_registered_and_stored_keys(folder: Path, fake: FakeLiteLLM) -> None:
    keys(folder, fake, "create", "litellm-dev")

    result = keys(folder, fake, "list", "--json")

    rows = {row["alias"]: row for row in json.loads(result.stdout)["data"]["keys"]}
    assert rows["litellm-dev"]["state"] == "ok"
    assert rows["litellm-eval"]["state"] == "missing"
    assert rows["litellm-eval"]["spend"] is None
    assert secret(folder, "LITELLM_API_KEY") not in result.output


def test_a_thousand_foreign_keys_are_one_line_without_all(folder: Path, fake: FakeLiteLLM) -> None:
    for number in range(1000):
        fake.add(f"sk-{number:020d}", f"theirs-{number}")

    short = keys(folder, fake, "list")
    long = keys(folder, fake, "list", "--all")
    document = json.loads(keys(folder, fake, "list", "--json").stdout)

    assert len(short.stdout.splitlines()) < 25
    assert "1000 keys not created by gatewayctl; show with --all." in short.stdout
    assert long.stdout.count("theirs-") == 1000
    assert len(document["data"]["keys"]) == 1002


def test_a_table_fits_eighty_columns_without_truncation(
    folder: Path, fake: FakeLiteLLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    alias = "a-rather-long-alias-for-a-team-that-likes-them-long"
    keys(folder, fake, "create", alias, "--env", "A_RATHER_LONG_VARIABLE_FOR_A_KEY")

    result = keys(folder, fake, "list")

    assert max(len(line) for line in result.stdout.splitlines()) <= 80
    assert "…" not in result.stdout.replace("sk-…", "")


def test_markup_in_an_alias_is_shown_verbatim(folder: Path, fake: FakeLiteLLM) -> None:
    fake.add("sk-theirs-0123456789abcdef", "[bold]x[/nonsense]")

    result = keys(folder, fake, "list", "--all")

    assert result.exit_code == 0
    assert "[bold]x" in result.stdout
