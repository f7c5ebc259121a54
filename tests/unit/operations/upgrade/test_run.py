from __future__ import annotations

from pathlib import Path

import pytest

from gatewayctl.env_file.read import read_env_file
from gatewayctl.errors import (
    GatewayctlError,
    ImageMissing,
    Locked,
    NotVerified,
    PreflightRefused,
    ServiceFailed,
    SettingsProblem,
    UpgradeRefused,
    UpgradeUnfinished,
    UsageProblem,
)
from gatewayctl.gateway.client import GatewayClient
from gatewayctl.operations.state import upgrade_journal
from gatewayctl.operations.state.audit import read_audit
from gatewayctl.operations.state.lock import hold_lock
from gatewayctl.operations.upgrade.run import UpgradeOptions, upgrade
from tests.fakes.driving import driven, press_control_c, report_of
from tests.fakes.litellm import served
from tests.fakes.releases import NEW, OLD, REPOSITORY
from tests.unit.operations.upgrade.upgrading import YAML, World


def test_an_upgrade_changes_one_value_and_one_service_and_verifies_it(
    world: World, gateway: GatewayClient
) -> None:
    report = report_of(world.upgrade(gateway))

    assert world.yaml == YAML.replace(OLD, NEW)
    assert (report.before.version, report.after.version) == ("1.106.2", "1.108.14")
    assert (report.changed, report.restarted, report.setting) == (
        True,
        ("litellm",),
        "gateway.yaml",
    )
    assert report.proof is not None
    assert set(report.proof.keys) == {"LITELLM_API_KEY", "LITELLM_EVAL_KEY"}
    assert (report.proof.model, report.proof.tracing) == ("demo", "verified")
    assert report.backup in world.backups
    assert [check.passed for check in report.checks] == [True]
    assert world.runtime.image == NEW


def test_the_backup_and_the_pre_flight_come_before_the_change(
    world: World, gateway: GatewayClient
) -> None:
    events, _ = driven(world.upgrade(gateway))

    subjects = list(dict.fromkeys(event.subject for event in events))
    before = (
        "dump of litellm",
        "backup file",
        "pre-flight",
        "gateway.yaml",
        "litellm",
        "verification",
    )
    assert [subject for subject in subjects if subject in before] == list(before)


def test_without_a_version_it_goes_to_the_one_gatewayctl_was_made_for(
    world: World, gateway: GatewayClient
) -> None:
    assert report_of(world.upgrade(gateway, None)).after.name == NEW


def test_the_running_version_is_nothing_to_do(world: World, gateway: GatewayClient) -> None:
    report = report_of(world.upgrade(gateway, "1.106.2"))

    assert (report.changed, report.why) == (False, "LiteLLM 1.106.2 runs already")
    assert (world.yaml, world.backups) == (YAML, [])
    assert "start" not in world.runtime.calls


def test_a_stopped_stack_with_that_version_is_nothing_to_do(
    world: World, gateway: GatewayClient
) -> None:
    world.runtime.image = None

    assert "down" in report_of(world.upgrade(gateway, "1.106.2")).why


def test_a_manually_changed_setting_is_applied(world: World, gateway: GatewayClient) -> None:
    (world.folder / "gateway.yaml").write_text(YAML.replace(OLD, NEW))

    assert report_of(world.upgrade(gateway)).restarted == ("litellm",)
    # A rollback returns to the release that ran, not to the one in the file.
    report_of(world.rollback(gateway))
    assert world.yaml == YAML


def test_a_release_newer_than_the_default_is_kept(world: World, gateway: GatewayClient) -> None:
    newer = f"{REPOSITORY}:v1.200.0"
    (world.folder / "gateway.yaml").write_text(YAML.replace(OLD, newer))
    world.runtime.image = newer

    report = report_of(world.upgrade(gateway, None))

    assert (report.changed, "newer than gatewayctl" in report.why) == (False, True)


@pytest.mark.parametrize(
    ("to", "failure", "words"),
    [
        ("1.105.0", UpgradeRefused, "older than"),
        ("1.83.5", UpgradeRefused, "CVE-2026-42208"),
        ("soon", UsageProblem, "version"),
        ("latest", UsageProblem, "version"),
        (f"{REPOSITORY}:latest", UsageProblem, "without notice"),
        (f"{REPOSITORY}:main-stable", UsageProblem, "without notice"),
        ("a b", UsageProblem, "image"),
    ],
)
def test_a_bad_version_is_refused_and_nothing_is_done(
    world: World, gateway: GatewayClient, to: str, failure: type[GatewayctlError], words: str
) -> None:
    with pytest.raises(failure) as caught:
        report_of(world.upgrade(gateway, to))

    assert caught.value.exit_code == 2
    assert words in caught.value.message
    assert (world.yaml, world.backups) == (YAML, [])


def test_a_missing_image_is_reported_before_the_backup(
    world: World, gateway: GatewayClient
) -> None:
    world.runtime.missing.add(NEW)

    with pytest.raises(ImageMissing, match="manifest unknown") as caught:
        report_of(world.upgrade(gateway))

    assert "--to VERSION" in caught.value.hint
    assert (world.yaml, world.backups) == (YAML, [])


def test_a_pre_flight_that_refuses_changes_nothing(world: World, gateway: GatewayClient) -> None:
    world.runtime.refusing[NEW] = "config validation failed: no such callback"

    with pytest.raises(PreflightRefused, match="no such callback"):
        report_of(world.upgrade(gateway))

    assert (world.yaml, world.runtime.image) == (YAML, OLD)
    assert "start" not in world.runtime.calls
    assert upgrade_journal.read_journal(world.load(gateway).settings) is None


def test_the_backup_can_be_skipped(world: World, gateway: GatewayClient) -> None:
    assert report_of(world.upgrade(gateway, backup=False)).backup is None
    assert world.backups == []


def test_an_image_set_in_env_is_changed_there(world: World, gateway: GatewayClient) -> None:
    env = world.folder / ".env"
    env.write_text(f"{env.read_text()}LITELLM_IMAGE={OLD}\n")

    report = report_of(world.upgrade(gateway))

    assert report.setting == ".env"
    assert (read_env_file(env)["LITELLM_IMAGE"].value, world.yaml) == (NEW, YAML)
    report_of(world.rollback(gateway))
    assert read_env_file(env)["LITELLM_IMAGE"].value == OLD


def test_an_image_set_in_the_environment_is_refused(world: World, gateway: GatewayClient) -> None:
    options = UpgradeOptions(to="1.108.14")

    with pytest.raises(SettingsProblem, match="overrides every file") as caught:
        report_of(upgrade(options, lambda: world.load(gateway, LITELLM_IMAGE=OLD)))

    assert "unset LITELLM_IMAGE" in caught.value.hint


def test_a_gateway_yaml_that_cannot_be_edited_is_reported_before_the_backup(
    world: World, gateway: GatewayClient
) -> None:
    (world.folder / "gateway.yaml").write_text(
        f"apps:\n  one: {{image: &image {OLD}}}\nimages:\n  litellm: *image\n"
    )

    with pytest.raises(SettingsProblem, match="without changing other lines"):
        report_of(world.upgrade(gateway))

    assert world.backups == []


def test_a_release_that_exits_is_reported_with_its_log_and_the_way_back(
    world: World, gateway: GatewayClient
) -> None:
    world.runtime.crashing.add(NEW)
    world.runtime.words["litellm"] = "it explodes"

    with pytest.raises(ServiceFailed, match="it explodes") as caught:
        report_of(world.upgrade(gateway))

    assert "gatewayctl rollback" in caught.value.hint
    assert world.runtime.image == NEW
    journal = upgrade_journal.read_journal(world.load(gateway).settings)
    assert journal is not None
    assert (journal.unfinished, journal.backup) == (True, world.backups[0])


@pytest.mark.parametrize("lost", ["LiteLLM_VerificationToken", "LiteLLM_SpendLogs"])
def test_lost_rows_are_a_failure(world: World, gateway: GatewayClient, lost: str) -> None:
    events = world.upgrade(gateway)
    for event in events:
        if (event.subject, event.state) == ("gateway.yaml", "ready"):
            world.rows[lost] -= 1

            with pytest.raises(NotVerified, match=lost) as caught:
                report_of(events)

    assert "gatewayctl rollback" in caught.value.hint


def test_a_key_that_is_no_longer_accepted_is_a_failure(
    world: World, gateway: GatewayClient
) -> None:
    world.litellm.keys.clear()

    with pytest.raises(NotVerified, match="LITELLM_API_KEY"):
        report_of(world.upgrade(gateway))


def test_a_key_that_was_not_accepted_before_is_not_tried(
    world: World, gateway: GatewayClient
) -> None:
    world.content.tokens = world.content.tokens[:1]
    world.litellm.keys.popitem()

    proof = report_of(world.upgrade(gateway)).proof

    assert proof is not None
    assert proof.keys == ("LITELLM_API_KEY",)


def test_without_any_key_the_list_of_models_is_requested(
    world: World, gateway: GatewayClient
) -> None:
    world.content.tokens = []
    world.litellm.keys.clear()

    proof = report_of(world.upgrade(gateway)).proof

    assert proof is not None
    assert (proof.keys, proof.model, proof.tracing) == ((), None, "verified")


@pytest.mark.parametrize("place", ["gateway.yaml", ".env"])
def test_a_setting_that_cannot_be_written_is_found_before_anything_changes(
    world: World, gateway: GatewayClient, place: str
) -> None:
    if place == ".env":
        with (world.folder / ".env").open("a") as env:
            env.write(f"LITELLM_IMAGE={OLD}\n")
    (world.folder / f"{place}.gatewayctl-tmp").mkdir()

    with pytest.raises(SettingsProblem, match=f"Cannot write .*{place}"):
        report_of(world.upgrade(gateway))

    assert (world.backups, world.runtime.image) == ([], OLD)
    assert upgrade_journal.read_journal(world.load(gateway).settings) is None


# Interrupted


def count_steps(world: World, gateway: GatewayClient) -> int:
    return len(driven(world.upgrade(gateway))[0])


def test_an_upgrade_interrupted_at_any_step_is_resumed_or_rolled_back(tmp_path: Path) -> None:
    whole = World(tmp_path / "whole")
    with served(whole.litellm) as client:
        count = count_steps(whole, client)
    for at in range(1, count + 1):
        for way in ("on", "back"):
            world = World(tmp_path / f"{at}-{way}")
            with served(world.litellm) as client:
                told = press_control_c(world.upgrade(client), after=at)
                changed = upgrade_journal.read_journal(world.load(client).settings) is not None
                assert ("gatewayctl rollback" in told.hint) == changed
                assert ("The release was not changed" in told.message) != changed
                rows = dict(world.rows)
                if way == "on":
                    report = report_of(world.upgrade(client))
                    assert (world.yaml, world.runtime.image) == (YAML.replace(OLD, NEW), NEW)
                    assert (report.changed, report.resumed) == (True, changed)
                elif changed:
                    report_of(world.rollback(client))
                    assert (world.yaml, world.runtime.image) == (YAML, OLD)
                else:
                    assert (world.yaml, world.runtime.image) == (YAML, OLD)
                assert world.rows["LiteLLM_SpendLogs"] == rows["LiteLLM_SpendLogs"]
                assert world.runtime.running == {"postgres", "litellm", "phoenix"}


def test_a_resumed_upgrade_keeps_its_first_backup(world: World, gateway: GatewayClient) -> None:
    world.runtime.crashing.add(NEW)
    with pytest.raises(ServiceFailed):
        report_of(world.upgrade(gateway))
    first = world.backups
    world.runtime.crashing.clear()
    world.runtime.processes["litellm"] = "stopped"

    report = report_of(world.upgrade(gateway, None))

    assert (report.resumed, report.backup) == (True, first[0])
    assert world.backups == first


def test_another_version_while_one_is_unfinished_is_refused(
    world: World, gateway: GatewayClient
) -> None:
    world.runtime.crashing.add(NEW)
    with pytest.raises(ServiceFailed):
        report_of(world.upgrade(gateway))

    with pytest.raises(UpgradeUnfinished, match=r"1\.106\.2 to .*1\.108\.14") as caught:
        report_of(world.upgrade(gateway, "1.110.1"))

    assert "gatewayctl rollback" in caught.value.hint


def test_an_unfinished_upgrade_to_a_malicious_release_is_not_resumed(
    world: World, gateway: GatewayClient
) -> None:
    bad = f"{REPOSITORY}:v1.107.0"
    world.runtime.crashing.add(bad)
    with pytest.raises(ServiceFailed):
        report_of(world.upgrade(gateway, bad, accepted_risks=("LiteLLM-48117",)))

    with pytest.raises(UpgradeRefused, match="malicious"):
        report_of(world.upgrade(gateway, None))


def test_an_unreadable_journal_is_an_error(world: World, gateway: GatewayClient) -> None:
    folder = world.folder / ".gatewayctl"
    folder.mkdir()
    (folder / "upgrade.json").write_text("{")

    with pytest.raises(SettingsProblem, match=r"upgrade\.json"):
        report_of(world.upgrade(gateway))


def test_an_upgrade_holds_the_lock_and_is_in_the_audit_log(
    world: World, gateway: GatewayClient
) -> None:
    with hold_lock(world.folder / ".gatewayctl", "up"), pytest.raises(Locked):
        report_of(world.upgrade(gateway))
    report_of(world.upgrade(gateway))

    entry = read_audit(world.folder / ".gatewayctl").entries[-1]
    assert (entry.verb, entry.subject, entry.outcome) == ("upgrade", "1.108.14", "done")


@pytest.mark.parametrize("to", ["1.108.14", NEW])
def test_an_upgrade_comes_from_the_mirror_and_goes_back(
    tmp_path: Path, gateway: GatewayClient, to: str
) -> None:
    mirror = "registry.example/mirror"
    world = World(tmp_path, YAML.replace("images: # versions", f"images:\n  registry: {mirror}"))

    report = report_of(world.upgrade(gateway, to))

    assert report.after.name == NEW.replace("ghcr.io", mirror)
    assert f"litellm: {report.after.name} # pinned" in world.yaml
    report_of(world.rollback(gateway))
    assert f"litellm: {OLD} # pinned" in world.yaml
