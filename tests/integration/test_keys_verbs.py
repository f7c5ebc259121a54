"""The verbs that show, check and change keys, through the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from gatewayctl.cli.app import app
from gatewayctl.cli.context import Overrides
from tests.fakes.litellm import FakeLiteLLM, sha256
from tests.fakes.projects import MASTER_KEY

SECRET = "sk-app-0123456789abcdef"
MARKS = {"created_by": "gatewayctl", "project": "verbs", "gatewayctl_env": "APP_KEY"}
CONFIG = "project_name: verbs\nkeys:\n  app: {env: APP_KEY}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "gateway.yaml").write_text(CONFIG)
    (tmp_path / ".env").write_text(f"LITELLM_MASTER_KEY={MASTER_KEY}\nAPP_KEY={SECRET}\n")
    (tmp_path / ".env").chmod(0o600)
    return tmp_path


@pytest.fixture
def fake() -> FakeLiteLLM:
    created = FakeLiteLLM()
    created.add(SECRET, "app", metadata=MARKS)
    return created


def keys(folder: Path, fake: FakeLiteLLM, *arguments: str, stdin: str | None = None) -> Result:
    result = CliRunner().invoke(
        app,
        ["-C", str(folder), "keys", *arguments],
        obj=Overrides(transport=fake.transport()),
        input=stdin,
    )
    assert SECRET not in result.output
    return result


def data(result: Result, status: str = "success") -> Any:
    document = json.loads(result.stdout)
    assert document["status"] == status
    return document["data"]


def test_show_has_a_line_for_each_detail_and_no_secret(folder: Path, fake: FakeLiteLLM) -> None:
    result = keys(folder, fake, "show", "app")

    lines = dict(line.split(maxsplit=1) for line in result.stdout.splitlines())
    assert result.exit_code == 0
    assert lines["ALIAS"].strip() == "app"
    assert lines["key"].strip() == "sk-…cdef"
    assert lines["state"].strip() == "ok"


def test_check_shows_the_result_of_each_key(folder: Path, fake: FakeLiteLLM) -> None:
    result = keys(folder, fake, "check")

    assert result.exit_code == 0
    assert result.stdout.splitlines()[1].split()[:5] == [
        "app", "APP_KEY", "ok", "accepted", "refused",
    ]  # fmt: skip


def test_check_of_an_unregistered_value_is_exit_8_with_rows_and_problem(
    folder: Path, fake: FakeLiteLLM
) -> None:
    fake.keys.clear()

    shown = keys(folder, fake, "check")
    found = data(keys(folder, fake, "check", "--json"), "partial")

    assert shown.exit_code == 8
    assert "refused" in shown.stdout
    assert "--fix" in shown.stderr
    assert found["keys"][0]["authenticates"] is False


def test_check_with_fix_reports_what_it_fixed(folder: Path, fake: FakeLiteLLM) -> None:
    fake.keys.clear()

    result = keys(folder, fake, "check", "--fix")

    assert result.exit_code == 0
    assert result.stdout.startswith("Fixed app: register (LiteLLM does not know the secret")


def test_rotate_reports_the_revoked_key_and_prints_no_secret(
    folder: Path, fake: FakeLiteLLM
) -> None:
    result = keys(folder, fake, "rotate", "app")

    new = (folder / ".env").read_text().rpartition("APP_KEY=")[2].strip()
    assert result.exit_code == 0
    assert new not in result.output
    assert f"The new key of app is sk-…{new[-4:]}, in " in result.stdout
    assert "The old key (sk-…cdef) is revoked" in result.stdout


def test_rotate_with_a_grace_reports_the_expiry(folder: Path, fake: FakeLiteLLM) -> None:
    shown = keys(folder, fake, "rotate", "app", "--grace", "1h")
    found = data(keys(folder, fake, "rotate", "app", "--grace", "1h", "--json"))

    assert "is accepted until 2027-01-01 00:00 UTC" in shown.stdout
    assert (found["previous"], found["previous_until"]) == (
        "retiring",
        "2027-01-01T00:00:00+00:00",
    )
    assert found["key"].startswith("sk-…")


@pytest.mark.parametrize(
    ("arguments", "exit_code"),
    [
        (("rotate", "unknown"), 6),
        (("rotate", "app", "--grace", "soon"), 2),
        (("show", "unknown"), 6),
        (("revoke", "unknown", "--yes"), 6),
    ],
)
def test_an_invalid_request_has_its_exit_code(
    folder: Path, fake: FakeLiteLLM, arguments: tuple[str, ...], exit_code: int
) -> None:
    assert keys(folder, fake, *arguments).exit_code == exit_code
    assert list(fake.keys) == [sha256(SECRET)]


def test_revoke_without_yes_and_without_a_terminal_does_nothing(
    folder: Path, fake: FakeLiteLLM
) -> None:
    result = keys(folder, fake, "revoke", "app", stdin="app\n")

    assert result.exit_code == 2
    assert list(fake.keys) == [sha256(SECRET)]


def test_revoke_looks_before_it_asks(folder: Path, fake: FakeLiteLLM) -> None:
    fake.add("sk-theirs-0123456789abcdef", "theirs")

    unknown = keys(folder, fake, "revoke", "unknown")
    foreign = keys(folder, fake, "revoke", "theirs")

    assert (unknown.exit_code, foreign.exit_code) == (6, 6)
    assert "LiteLLM has no key 'unknown'" in unknown.stderr
    assert "was not created by gatewayctl" in foreign.stderr
    assert "This deletes" not in unknown.stderr + foreign.stderr


def test_revoke_reports_what_it_deleted_and_that_up_creates_it_again(
    folder: Path, fake: FakeLiteLLM
) -> None:
    result = keys(folder, fake, "revoke", "app", "--yes")

    assert result.exit_code == 0
    assert fake.keys == {}
    assert "Revoked app: sk-…cdef." in result.stdout
    assert f"Removed APP_KEY from {folder / '.env'}." in result.stdout
    assert "still declares it" in result.stdout


def test_sync_shows_its_plan_and_then_what_it_did(folder: Path, fake: FakeLiteLLM) -> None:
    (folder / "gateway.yaml").write_text(CONFIG.replace("APP_KEY}", "APP_KEY, models: [demo]}"))
    fake.add("sk-theirs-0123456789abcdef", "theirs")

    planned = keys(folder, fake, "sync", "--dry-run")
    done = keys(folder, fake, "sync")
    again = keys(folder, fake, "sync")

    assert (planned.exit_code, done.exit_code, again.exit_code) == (8, 0, 0)
    assert "models: all → demo" in planned.stdout
    assert "Nothing was changed: this was a dry run." in planned.stdout
    assert "1 key of others: not changed." in done.stdout
    assert "Nothing to do" in again.stdout


def test_sync_in_json_is_the_plan_as_data(folder: Path, fake: FakeLiteLLM) -> None:
    fake.add("sk-batch-0123456789abcdef", "batch", metadata=MARKS | {"gatewayctl_env": "BATCH"})

    found = data(keys(folder, fake, "sync", "--prune", "--dry-run", "--json"), "partial")

    assert [(key["alias"], key["action"], key["done"]) for key in found["keys"]] == [
        ("app", "none", False),
        ("batch", "delete", False),
    ]
    assert (found["drift"], found["changed"], found["dry_run"]) == (True, False, True)


def test_pruning_lists_what_it_deletes_and_asks_first(folder: Path, fake: FakeLiteLLM) -> None:
    for name in ("batch", "nightly"):
        marks = MARKS | {"gatewayctl_env": name.upper()}
        fake.add(f"sk-{name}-0123456789abcdef", name, metadata=marks)
    before = set(fake.keys)

    refused = keys(folder, fake, "sync", "--prune", "--json")
    planned = keys(folder, fake, "sync", "--prune", "--dry-run")
    kept = set(fake.keys)
    done = keys(folder, fake, "sync", "--prune", "--yes")
    again = keys(folder, fake, "sync", "--prune")

    assert (refused.exit_code, planned.exit_code) == (2, 8)
    assert json.loads(refused.stdout)["error"]["code"] == "confirmation_required"
    assert "deletes the keys batch, nightly, for all who use them" in refused.stdout
    assert kept == before
    assert "This deletes the keys batch, nightly, for all who use them." in done.stderr
    assert (done.exit_code, len(fake.keys)) == (0, len(before) - 2)
    assert (again.exit_code, "Nothing to do" in again.stdout) == (0, True)


def test_undeclared_keys_are_counted_with_a_hint_to_prune(folder: Path, fake: FakeLiteLLM) -> None:
    fake.add("sk-batch-0123456789abcdef", "batch", metadata=MARKS | {"gatewayctl_env": "BATCH"})

    result = keys(folder, fake, "sync")

    assert result.exit_code == 0
    assert "1 key not declared in gateway.yaml; delete with --prune." in result.stdout


def test_a_thousand_keys_of_this_project_are_one_screenful(folder: Path, fake: FakeLiteLLM) -> None:
    for number in range(1000):
        fake.add(f"sk-{number:020d}", f"mine-{number}", metadata=MARKS)

    short = keys(folder, fake, "list")
    long = keys(folder, fake, "list", "--all")

    assert len(short.stdout.splitlines()) < 24
    assert "981 more keys of this project; show with --all." in short.stdout
    assert long.stdout.count("mine-") == 1000


@pytest.mark.parametrize("verb", ["list", "check"])
def test_tables_fit_eighty_columns_and_have_no_frames(
    folder: Path, fake: FakeLiteLLM, verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")

    result = keys(folder, fake, verb)

    assert max(len(line) for line in result.stdout.splitlines()) <= 80
    assert result.stdout.splitlines()[0].startswith("ALIAS  VARIABLE")
    assert not set(result.stdout) & set("─│┃━")
