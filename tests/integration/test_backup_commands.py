"""``gatewayctl backup`` and ``restore``, as scripts see them."""

from __future__ import annotations

from pathlib import Path

import pyrage
import pytest

from tests.fakes.answers import silent_stack
from tests.fakes.litellm import sha256
from tests.fakes.runtime import SERVICES
from tests.integration.stack_project import Project, document


@pytest.fixture
def backed_up(ready: Project) -> Path:
    """A backup of a running project whose database has the key of .env."""
    ready.runtime.server.databases["litellm"].tokens = [sha256(ready.secrets()["LITELLM_API_KEY"])]
    file = ready.folder / "a.bak"
    assert ready.run("backup", str(file)).exit_code == 0
    ready.runtime.calls.clear()
    return file


# backup


def test_a_backup_shows_its_file_and_how_to_restore_it(ready: Project) -> None:
    result = ready.run("backup")

    assert result.exit_code == 0
    file = next(line for line in result.stdout.splitlines() if line.endswith(".gatewayctl-backup"))
    assert Path(file).is_file()
    assert f"`gatewayctl -C {ready.folder} restore {file} --yes`" in result.stdout
    assert "dump of litellm ready" in result.stderr
    assert "sk-" not in result.stdout + result.stderr


def test_a_backup_as_a_document(ready: Project) -> None:
    data = document(ready.run("backup", str(ready.folder / "a.bak"), "--json"))["data"]

    assert data["file"] == str(ready.folder / "a.bak")
    assert data["contents"] == {"virtual_keys": 2, "spend_logs": 7, "traces": 4, "spans": 11}
    assert (data["project"], data["encrypted"]) == ("shop", False)


def test_an_existing_file_is_exit_code_2_and_stays(ready: Project) -> None:
    file = ready.folder / "a.bak"
    file.write_text("precious")

    found = document(ready.run("backup", str(file), "--json"))

    assert found["error"]["code"] == "backup_exists"
    assert ready.run("backup", str(file)).exit_code == 2
    assert file.read_text() == "precious"


def test_a_project_that_was_never_up_is_exit_code_3(project: Project) -> None:
    result = project.run("backup", "--json")

    assert result.exit_code == 3
    assert document(result)["error"]["code"] == "env_file_missing"


def test_an_invalid_recipient_is_exit_code_2(ready: Project) -> None:
    assert ready.run("backup", "--recipient", "age1nonsense").exit_code == 2
    assert ready.run("backup", "--passphrase-stdin", stdin="").exit_code == 2


# restore


def test_a_restore_without_a_terminal_needs_yes(ready: Project, backed_up: Path) -> None:
    result = ready.run("restore", str(backed_up))

    assert result.exit_code == 2
    assert "This deletes the current keys, spend and traces" in result.stderr
    assert ready.runtime.calls == []


def test_a_backup_is_restored_and_verified(ready: Project, backed_up: Path) -> None:
    before = ready.secrets()
    env = ready.folder / ".env"
    env.write_text(env.read_text().replace(before["LITELLM_API_KEY"], "sk-later-0123456789abcdef"))
    ready.runtime.server.databases["litellm"].rows["LiteLLM_SpendLogs"] = 99

    found = document(ready.run("restore", str(backed_up), "--yes", "--json"))

    assert found["status"] == "success"
    assert found["data"]["key"] == "LITELLM_API_KEY"
    assert found["data"]["key_opens"] is True
    assert found["data"]["credential"] == "none_stored"
    assert Path(found["data"]["before"]).is_file()
    assert ready.secrets() == before
    assert ready.runtime.server.databases["litellm"].rows["LiteLLM_SpendLogs"] == 7
    assert ready.runtime.running == set(SERVICES)


def test_a_refused_key_after_a_restore_is_partial_and_exit_code_7(
    ready: Project, backed_up: Path
) -> None:
    ready.litellm.keys.clear()

    result = ready.run("restore", str(backed_up), "--yes", "--json")

    assert result.exit_code == 7
    assert document(result)["status"] == "partial"


def test_a_broken_backup_is_exit_code_4_and_changes_nothing(
    ready: Project, backed_up: Path
) -> None:
    backed_up.write_bytes(backed_up.read_bytes()[:-600])

    result = ready.run("restore", str(backed_up), "--yes", "--json")

    assert (result.exit_code, document(result)["error"]["code"]) == (4, "backup_broken")
    assert ready.runtime.calls == []


def test_a_missing_file_is_exit_code_3(ready: Project) -> None:
    result = ready.run("restore", "nowhere.bak", "--yes", "--json")

    assert (result.exit_code, document(result)["error"]["code"]) == (3, "file_unreadable")


def test_a_backup_of_another_project_is_refused_without_force(
    ready: Project, backed_up: Path
) -> None:
    (ready.folder / "gateway.yaml").write_text("project_name: other\n")

    result = ready.run("restore", str(backed_up), "--yes", "--json")

    assert (result.exit_code, document(result)["error"]["code"]) == (4, "backup_foreign")
    assert "--force" in document(result)["error"]["hint"]
    assert ready.run("restore", str(backed_up), "--yes", "--force").exit_code == 0


def test_an_encrypted_backup_is_restored_with_its_identity(ready: Project, tmp_path: Path) -> None:
    made = pyrage.x25519.Identity.generate()
    identity, file = tmp_path / "identity.txt", tmp_path / "a.age"
    identity.write_text(f"{made}\n")
    ready.run("backup", str(file), "--recipient", str(made.to_public()))

    without = ready.run("restore", str(file), "--yes", "--json")
    with_identity = ready.run("restore", str(file), "--yes", "--identity", str(identity))

    assert document(without)["error"]["code"] == "backup_sealed"
    assert "--identity" in document(without)["error"]["hint"]
    assert with_identity.exit_code == 0
    assert str(made) not in with_identity.stdout + with_identity.stderr


def test_files_of_the_project_are_shown_by_backup_and_restore(
    ready: Project, tmp_path: Path
) -> None:
    made = pyrage.x25519.Identity.generate()
    identity, file, outside = (tmp_path / name for name in ("identity.txt", "a.age", "out.json"))
    identity.write_text(f"{made}\n")
    outside.write_text("{}")
    lock, config = ready.folder / "embedded-packages.lock", ready.folder / "litellm.yaml"
    lock.write_text("# as it was\n")
    config.write_text("model_list: []\n")
    with (ready.folder / "gateway.yaml").open("a") as gateway:
        gateway.write("litellm: litellm.yaml\nembedded: {packages: [lunary]}\n")
        gateway.write(f"services: {{litellm: {{mounts: {{/app/key.json: {outside}}}}}}}\n")
    restore = ("restore", str(file), "--yes", "--identity", str(identity))

    backup = ready.run("backup", str(file), "--recipient", str(made.to_public()))
    lock.unlink()
    config.write_text("model_list: [] # changed\n")
    found = document(ready.run(*restore, "--json"))["data"]["files"]
    again = ready.run(*restore)

    assert "Files of the project in it: litellm.yaml, embedded-packages.lock" in backup.stdout
    assert f"Warning: {outside} is not in the backup: outside of the project's folder." in (
        backup.stdout
    )
    assert found == [
        {"path": "litellm.yaml", "state": "kept_different"},
        {"path": "embedded-packages.lock", "state": "restored"},
    ]
    assert lock.read_text() == "# as it was\n"
    assert "Warning: kept, though different in the backup: litellm.yaml" in again.stdout
    assert "Files kept, the same as in the backup: embedded-packages.lock" in again.stdout


# reset


def test_a_reset_shows_the_loss_and_backs_it_up(ready: Project) -> None:
    result = ready.run("reset", "--yes")

    assert result.exit_code == 0
    assert "over 7 logged requests" in result.stderr
    assert "A backup is taken first" in result.stderr
    assert "test load of litellm ready" in result.stderr
    assert "Backup of the previous data: " in result.stdout


def test_a_reset_without_a_backup_and_with_kept_keys(ready: Project) -> None:
    before = ready.secrets()

    data = document(ready.run("reset", "--yes", "--no-backup", "--keep-keys", "--json"))["data"]

    assert data["backup"] is None
    assert ready.secrets() == before


def test_a_reset_of_everything_drops_the_traces(ready: Project) -> None:
    result = ready.run("reset", "--yes", "--all")

    assert "4 traces" in result.stderr
    assert ready.runtime.server.databases["phoenix"].rows == {}
    assert ready.run("reset", "--all").exit_code == 2


def test_the_loss_in_the_database_is_shown_without_a_gateway(
    ready: Project,
) -> None:
    ready.litellm = silent_stack()

    result = ready.run("reset")

    assert "an unknown number of virtual keys" in result.stderr
    assert "7 logged requests" in result.stderr


def test_a_path_is_shown_without_detours(ready: Project) -> None:
    file = ready.folder.parent / "monday.gatewayctl-backup"

    result = ready.run("backup", str(ready.folder / ".." / file.name))

    assert result.exit_code == 0, result.stderr
    assert f"\n{file}\n" in result.stdout
    assert f" restore {file} --yes`" in result.stdout
    assert ".." not in result.output


def test_restore_reads_the_file_before_it_asks(ready: Project) -> None:
    result = ready.run("restore", str(ready.folder / "none"))

    assert result.exit_code == 3
    assert "Cannot read" in result.stderr
    assert "This deletes" not in result.stderr
