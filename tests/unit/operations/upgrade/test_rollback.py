from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from gatewayctl.errors import (
    BackupBroken,
    GatewayctlError,
    NothingToRollBack,
    ReleaseMalicious,
    ServiceFailed,
    SettingsProblem,
    UsageProblem,
)
from gatewayctl.gateway.client import GatewayClient
from gatewayctl.operations.backup.create import backup
from gatewayctl.operations.state import upgrade_journal
from gatewayctl.operations.state.audit import read_audit
from tests.fakes.driving import driven, press_control_c, report_of
from tests.fakes.litellm import error, served
from tests.fakes.releases import NEW, OLD, REPOSITORY
from tests.unit.operations.upgrade.upgrading import YAML, World


def test_a_rollback_restores_a_migrated_database_and_backs_up_the_current_one(
    world: World, gateway: GatewayClient
) -> None:
    report_of(world.upgrade(gateway))
    assert world.rows["_prisma_migrations"] == 5
    world.rows["LiteLLM_SpendLogs"] = 99

    report = report_of(world.rollback(gateway))

    assert (world.yaml, world.runtime.image) == (YAML, OLD)
    assert (world.rows["_prisma_migrations"], world.rows["LiteLLM_SpendLogs"]) == (3, 7)
    assert report.restored
    assert report.kept in world.backups
    assert set(world.runtime.server.databases) == {"litellm", "phoenix"}
    assert upgrade_journal.read_journal(world.load(gateway).settings) is None


def test_a_rollback_keeps_a_database_that_was_not_migrated(
    world: World, gateway: GatewayClient
) -> None:
    world.runtime.crashing.add(NEW)
    with pytest.raises(ServiceFailed):
        report_of(world.upgrade(gateway))
    world.rows["LiteLLM_SpendLogs"] = 8

    report = report_of(world.rollback(gateway, consented=False))

    assert (report.restored, report.kept) == (False, None)
    assert world.rows["LiteLLM_SpendLogs"] == 8
    assert "stop" not in world.runtime.calls


def test_edits_of_gateway_yaml_since_the_upgrade_survive_a_rollback(
    world: World, gateway: GatewayClient
) -> None:
    report_of(world.upgrade(gateway))
    (world.folder / "gateway.yaml").write_text(f"{world.yaml}# since then\n")

    report_of(world.rollback(gateway))

    assert world.yaml == f"{YAML}# since then\n"


def test_a_rollback_to_a_malicious_release_is_refused(tmp_path: Path) -> None:
    bad = f"{REPOSITORY}:v1.107.0"
    world = World(tmp_path, YAML.replace(OLD, bad))
    world.runtime.image = bad
    with served(world.litellm) as client:
        report_of(world.upgrade(client))
        with pytest.raises(ReleaseMalicious, match=r"before the upgrade.*LiteLLM-48117"):
            report_of(world.rollback(client))

    assert world.runtime.image == NEW


def test_a_rollback_removes_an_added_line(tmp_path: Path) -> None:
    world = World(tmp_path, "project_name: shop")
    world.runtime.image = NEW
    later = f"{REPOSITORY}:v1.110.1"
    with served(world.litellm) as client:
        report_of(world.upgrade(client, "1.110.1"))
        assert world.yaml == f"project_name: shop\nimages:\n  litellm: {later}\n"
        report_of(world.rollback(client))

    assert world.yaml == "project_name: shop"


def test_a_rollback_interrupted_at_any_step_is_finished_by_the_next(tmp_path: Path) -> None:
    count = 0
    at = 0
    while at <= count:
        world = World(tmp_path / str(at))
        with served(world.litellm) as client:
            report_of(world.upgrade(client))
            if at == 0:
                count = len(driven(world.rollback(client))[0])
            else:
                told = press_control_c(world.rollback(client), after=at)
                migrated = world.rows["_prisma_migrations"] == 5
                unchanged = "has changed neither the release nor the data" in told.message
                assert unchanged <= migrated
                assert ("gatewayctl rollback --yes" in told.hint) != unchanged
                report_of(world.rollback(client))
            assert (world.yaml, world.runtime.image) == (YAML, OLD)
            assert world.rows["_prisma_migrations"] == 3
            assert set(world.runtime.server.databases) == {"litellm", "phoenix"}
            assert world.runtime.running == {"postgres", "litellm", "phoenix"}
        at += 1


def test_what_a_killed_rollback_unpacked_is_removed_also_where_nothing_is_restored(
    world: World, gateway: GatewayClient
) -> None:
    world.runtime.crashing.add(NEW)
    with pytest.raises(ServiceFailed):
        report_of(world.upgrade(gateway))
    left = world.folder / ".gatewayctl/backups/.rollback"
    left.mkdir(parents=True)
    (left / ".env").write_text("LITELLM_MASTER_KEY=sk-of-a-backup\n")

    report = report_of(world.rollback(gateway))

    assert (report.restored, left.exists()) == (False, False)


def test_losing_data_needs_consent(world: World, gateway: GatewayClient) -> None:
    report_of(world.upgrade(gateway))

    with pytest.raises(UsageProblem, match="backup"):
        report_of(world.rollback(gateway, consented=False))

    assert world.runtime.image == NEW


def test_a_broken_or_missing_backup_is_reported_before_anything_changes(
    world: World, gateway: GatewayClient
) -> None:
    report_of(world.upgrade(gateway))
    file = world.backups[0]
    file.write_bytes(file.read_bytes()[:-600])
    with pytest.raises(BackupBroken):
        report_of(world.rollback(gateway))
    file.unlink()

    with pytest.raises(SettingsProblem, match="is missing"):
        report_of(world.rollback(gateway))

    assert (world.yaml, world.rows["_prisma_migrations"]) == (YAML.replace(OLD, NEW), 5)


@pytest.mark.parametrize("what", [".env", "gateway.yaml", "rendered files", "image"])
def test_what_would_fail_after_the_swap_is_found_before_it(
    world: World, gateway: GatewayClient, what: str
) -> None:
    report_of(world.upgrade(gateway))
    if what == "image":
        world.runtime.missing = {OLD}
    elif what == "rendered files":
        shutil.rmtree(world.folder / "compose")
        (world.folder / "compose").write_text("a file")
    else:
        (world.folder / f"{what}.gatewayctl-tmp").mkdir()

    with pytest.raises(GatewayctlError):
        report_of(world.rollback(gateway))

    assert (world.yaml, world.rows["_prisma_migrations"]) == (YAML.replace(OLD, NEW), 5)
    assert "stop" not in world.runtime.calls


def test_without_an_upgrade_there_is_nothing_to_roll_back(
    world: World, gateway: GatewayClient
) -> None:
    with pytest.raises(UsageProblem, match="no upgrade") as caught:
        report_of(world.rollback(gateway))

    assert caught.value.code == "nothing_to_roll_back"


@pytest.mark.parametrize("replaced_by", ["reset", "another backup"])
def test_data_that_was_deleted_or_replaced_since_the_upgrade_does_not_come_back(
    world: World, gateway: GatewayClient, replaced_by: str
) -> None:
    if replaced_by == "another backup":
        other = world.folder / "other.bak"
        project = world.load(gateway)
        report_of(backup(project.settings, project.resolved, other))
    report_of(world.upgrade(gateway))

    if replaced_by == "reset":
        world.litellm.keys.clear()  # as the emptied database has it
        report_of(world.reset(gateway))
    else:
        report_of(world.restore(gateway, other))

    with pytest.raises(NothingToRollBack):
        report_of(world.rollback(gateway))
    assert report_of(world.upgrade(gateway)).changed is False


def test_an_upgrade_can_be_rolled_back_after_its_own_backup_was_restored(
    world: World, gateway: GatewayClient
) -> None:
    written = report_of(world.upgrade(gateway)).backup
    assert written is not None
    report_of(world.restore(gateway, written))

    report_of(world.rollback(gateway))

    assert (world.yaml, world.runtime.image) == (YAML, OLD)


def test_a_key_that_cannot_be_created_makes_a_rollback_partial(
    world: World, gateway: GatewayClient
) -> None:
    world.litellm.keys.popitem()
    world.content.tokens = world.content.tokens[:1]
    report_of(world.upgrade(gateway))
    world.litellm.planted["/key/generate"] = lambda _: error(400, "This alias is not wanted.")

    problem = report_of(world.rollback(gateway)).problem

    assert problem is not None
    assert problem.exit_code == 7
    assert read_audit(world.folder / ".gatewayctl").entries[-1].outcome == "partial"
