from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from gatewayctl.errors import (
    BackupBroken,
    BackupForeign,
    BackupSealed,
    FileUnreadable,
    GatewayctlError,
    ImageMissing,
    Locked,
    RestoreUnproven,
    RuntimeProblem,
    SettingsProblem,
)
from gatewayctl.operations.backup.create import backup, backups_folder
from gatewayctl.operations.state.lock import hold_lock
from gatewayctl.settings.model import Secret
from tests.fakes.driving import report_of
from tests.fakes.projects import MASTER_KEY, project
from tests.fakes.runtime import SERVICES, FakeRuntime, resolved
from tests.unit.operations.backup.restoring import BACKED_UP, ENV, KEY, SALT, World
from tests.unit.operations.backup.test_credentials import encrypted

# Success


def test_the_data_and_the_secrets_of_the_backup_are_restored(world: World) -> None:
    report = world.restore()

    assert world.databases == BACKED_UP
    assert world.env()["LITELLM_API_KEY"] == KEY
    assert world.env()["LITELLM_SALT_KEY"] == SALT
    assert world.runtime.running == set(SERVICES)
    assert set(report.env_changed) == {"LITELLM_API_KEY", "LITELLM_SALT_KEY"}
    assert report.rows == {"litellm": 13, "phoenix": 15}


def test_a_key_and_a_credential_of_the_backup_are_verified(world: World) -> None:
    report = world.restore()

    assert (report.key, report.key_opens) == ("LITELLM_API_KEY", True)
    assert report.credential == "decrypted"
    assert report.problem is None
    assert f"Bearer {KEY}" in [r.headers.get("authorization") for r in world.litellm.requests]


def test_only_the_database_servers_run_during_the_swap(
    world: World,
) -> None:
    world.restore()

    verbs = [call for call in world.runtime.calls if call != "states"]
    assert verbs == ["preflight", "prepare", "stop", "start postgres", "prepare", "start"]


def test_the_previous_data_is_in_a_backup_of_its_own(world: World) -> None:
    before = world.restore().before

    assert before is not None
    world.restore(before)
    assert world.databases["litellm"]["LiteLLM_SpendLogs"] == 99
    assert world.env()["LITELLM_SALT_KEY"] == "sk-salt-later-0123456789"


def test_without_a_backup_of_the_previous_data_no_file_is_written(world: World) -> None:
    assert world.restore(backup=False).before is None
    assert list(backups_folder(project(world.folder)).iterdir()) == []


def test_a_restore_can_be_repeated(world: World) -> None:
    world.restore()
    world.restore()

    assert world.databases == BACKED_UP


def test_an_empty_folder_becomes_the_project_of_the_backup(world: World, tmp_path: Path) -> None:
    shutil.rmtree(world.folder)
    world.folder.mkdir()
    world.runtime = FakeRuntime()
    world.runtime.server.databases.clear()

    report = world.restore()

    assert world.databases == BACKED_UP
    assert world.runtime.running == set(SERVICES)
    assert report.before is None
    assert report.config == "restored"
    assert (world.folder / "gateway.yaml").read_text() == "project_name: shop\n"
    assert world.env()["LITELLM_MASTER_KEY"] == MASTER_KEY
    assert (world.folder / ".env").read_text() == ENV
    assert ".env" in (world.folder / ".gitignore").read_text()


def test_a_different_gateway_yaml_is_kept_and_reported(world: World) -> None:
    (world.folder / "gateway.yaml").write_text("project_name: shop\nprofile: production\n")

    assert world.restore().config == "kept_different"
    assert "production" in (world.folder / "gateway.yaml").read_text()


def test_a_manually_edited_rendered_file_is_reported(world: World) -> None:
    compose = world.folder / "compose"
    compose.mkdir()
    (compose / "litellm_config.yaml").write_text("model_list: []\n")

    (warning,) = world.restore().warnings

    assert "litellm_config.yaml.bak" in warning


@pytest.mark.parametrize("new", [True, False])
def test_values_that_only_their_own_line_can_write_are_restored(
    world: World, tmp_path: Path, new: bool
) -> None:
    lines = 'CERTIFICATE="-----BEGIN-----\nMII\n-----END-----"\nexport CACHE=${HOME}/a\'b"c\n'
    file = world.file.with_name("b.bak")
    settings = project(world.folder, env=f"{ENV}{lines}")
    report_of(backup(settings, resolved(world.runtime), file))
    (world.folder / ".env").write_text(ENV)
    if new:
        shutil.rmtree(world.folder)
        world.folder.mkdir()

    world.restore(file)

    assert (world.folder / ".env").read_text().endswith(lines)


# Refusals that change nothing


def is_untouched(world: World, before: dict[str, dict[str, int]]) -> bool:
    """True when databases and secrets are unchanged, and nothing was stopped."""
    changing = {"stop", "start", "start postgres"} & set(world.runtime.calls)
    return world.databases == before and world.env()["LITELLM_SALT_KEY"] != SALT and not changing


@pytest.mark.parametrize("what", [".env", "rendered files", "image"])
def test_what_would_fail_after_the_swap_is_found_before_it(world: World, what: str) -> None:
    before = world.databases
    if what == ".env":
        (world.folder / ".env.gatewayctl-tmp").mkdir()
    elif what == "rendered files":
        (world.folder / "compose").write_text("a file")
    else:
        world.runtime.raising = {"prepare": ImageMissing("There is no image.")}

    with pytest.raises(GatewayctlError):
        world.restore()

    assert is_untouched(world, before)


def test_a_broken_backup_changes_nothing(world: World) -> None:
    before = world.databases
    whole = world.file.read_bytes()
    for percent in range(0, 100, 10):
        world.file.write_bytes(whole[: len(whole) * percent // 100])
        with pytest.raises(BackupBroken):
            world.restore()
    with pytest.raises(FileUnreadable):
        world.restore(world.folder / "nowhere")

    assert is_untouched(world, before)


def test_an_encrypted_backup_without_its_key_changes_nothing(world: World) -> None:
    before = world.databases
    world.file.write_bytes(b"age-encryption.org/v1\n-> X25519 abc\n")

    with pytest.raises(BackupSealed):
        world.restore()

    assert is_untouched(world, before)


def test_a_backup_of_another_project_needs_force(world: World) -> None:
    before = world.databases
    (world.folder / "gateway.yaml").write_text("project_name: other\n")

    with pytest.raises(BackupForeign, match=r"'shop'.*'other'"):
        world.restore()
    assert is_untouched(world, before)

    assert world.restore(force=True).project == "other"
    assert world.databases == BACKED_UP


def test_lost_rows_are_detected_before_the_swap(world: World) -> None:
    world.runtime.server.loses = "LiteLLM_SpendLogs"

    with pytest.raises(RestoreUnproven, match="LiteLLM_SpendLogs has 6 instead of 7"):
        world.restore(backup=False)

    assert world.databases["litellm"]["LiteLLM_SpendLogs"] == 99
    assert "stop" not in world.runtime.calls


def test_a_dump_that_cannot_be_loaded_changes_nothing(world: World) -> None:
    world.runtime.server.raising = {"pg_restore"}

    with pytest.raises(RuntimeProblem, match="pg_restore of litellm failed"):
        world.restore(backup=False)

    assert world.databases["litellm"]["LiteLLM_SpendLogs"] == 99
    assert "stop" not in world.runtime.calls


def test_undecryptable_credentials_need_force(world: World) -> None:
    world.runtime.server.databases["litellm"].stored = [encrypted("x", Secret("sk-another-salt"))]
    world.runtime.server.databases["litellm"].rows["LiteLLM_CredentialsTable"] = 1
    unreadable = world.file.with_name("b.bak")
    settings = project(world.folder)
    report_of(backup(settings, resolved(world.runtime), unreadable))

    with pytest.raises(RestoreUnproven, match="salt key"):
        world.restore(unreadable)
    assert "stop" not in world.runtime.calls

    assert world.restore(unreadable, force=True).credential == "not_decrypted"


def test_another_master_key_in_the_environment_is_refused(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = world.databases
    monkeypatch.setenv("LITELLM_MASTER_KEY", "sk-of-the-shell-0123456789")

    with pytest.raises(SettingsProblem, match="LITELLM_MASTER_KEY"):
        world.restore()

    assert is_untouched(world, before)


def test_a_project_that_is_locked_is_not_changed(world: World) -> None:
    with hold_lock(world.folder / ".gatewayctl", "up"), pytest.raises(Locked):
        world.restore()

    assert world.runtime.calls == []
