"""Upgrades where the release comes with gatewayctl, and with a runtime that reports no release."""

from __future__ import annotations

from pathlib import Path

import pytest

from gatewayctl.errors import RuntimeUnavailable, ServiceFailed, UpgradeRefused
from gatewayctl.gateway.client import GatewayClient
from gatewayctl.operations.project.snapshot import Project
from gatewayctl.operations.state import upgrade_journal
from gatewayctl.operations.upgrade.run import UpgradeOptions, upgrade
from tests.fakes.driving import report_of
from tests.fakes.projects import project
from tests.fakes.runtime import resolved, up_and_running
from tests.unit.operations.upgrade.upgrading import YAML, World


@pytest.fixture
def embedded(world: World) -> World:
    world.runtime.name, world.runtime.selectable, world.runtime.image = "embedded", False, "old"
    return world


def test_the_embedded_release_of_another_gatewayctl_is_replaced_after_a_backup(
    embedded: World, gateway: GatewayClient
) -> None:
    report = report_of(embedded.upgrade(gateway, None))

    assert (report.before.name, report.after.name, report.setting) == ("old", "new", None)
    assert report.backup in embedded.backups
    assert (embedded.yaml, embedded.runtime.image) == (YAML, "new")


def test_the_embedded_release_of_this_gatewayctl_is_nothing_to_do(
    embedded: World, gateway: GatewayClient
) -> None:
    embedded.runtime.image = "new"

    assert not report_of(embedded.upgrade(gateway, None)).changed


def test_another_embedded_version_is_refused_with_a_hint(
    embedded: World, gateway: GatewayClient
) -> None:
    with pytest.raises(UpgradeRefused, match="locked") as caught:
        report_of(embedded.upgrade(gateway, "1.108.14"))

    assert "gatewayctl upgrade" in caught.value.hint
    assert "--runtime docker" in caught.value.hint


def test_a_failing_embedded_release_has_its_own_way_back(
    embedded: World, gateway: GatewayClient
) -> None:
    embedded.runtime.crashing.add("new")

    with pytest.raises(ServiceFailed) as caught:
        report_of(embedded.upgrade(gateway, None))
    with pytest.raises(RuntimeUnavailable) as refused:
        report_of(embedded.rollback(gateway))

    assert "gatewayctl restore" in caught.value.hint
    assert str(embedded.backups[0]) in refused.value.hint


def fail(world: World, gateway: GatewayClient) -> Path:
    """An upgrade to the release "new" that fails; returns the backup it wrote."""
    world.runtime.crashing.add("new")
    with pytest.raises(ServiceFailed):
        report_of(world.upgrade(gateway, None))
    world.runtime.crashing.clear()
    (backup,) = world.backups
    return backup


@pytest.mark.parametrize("newer", ["new", "newest"])
def test_the_upgrade_after_the_way_back_takes_a_backup_of_its_own(
    embedded: World, gateway: GatewayClient, newer: str
) -> None:
    first = fail(embedded, gateway)
    embedded.runtime.environment = "old"
    report_of(embedded.restore(gateway, first))
    embedded.rows["LiteLLM_SpendLogs"] = 99
    embedded.runtime.environment = newer
    before = embedded.backups

    report = report_of(embedded.upgrade(gateway, None))

    assert (report.before.name, report.after.name, report.resumed) == ("old", newer, False)
    assert [check.name for check in report.checks] == ["configuration"]
    assert report.backup in set(embedded.backups) - set(before)


def test_the_way_back_ends_the_upgrade(embedded: World, gateway: GatewayClient) -> None:
    first = fail(embedded, gateway)
    embedded.runtime.environment = "old"
    report_of(embedded.restore(gateway, first))

    assert upgrade_journal.read_journal(embedded.load(gateway).settings) is None


@pytest.mark.parametrize("running", ["old", None])
def test_an_unfinished_upgrade_of_another_gatewayctl_is_not_resumed(
    embedded: World, gateway: GatewayClient, running: str | None
) -> None:
    first = fail(embedded, gateway)
    embedded.runtime.image, embedded.runtime.environment = running, "newest"

    report = report_of(embedded.upgrade(gateway, None))

    assert (report.before.name, report.after.name, report.resumed) == ("old", "newest", False)
    assert report.backup in set(embedded.backups) - {first}


def test_an_upgrade_whose_older_release_serves_again_is_not_resumed(
    embedded: World, gateway: GatewayClient
) -> None:
    first = fail(embedded, gateway)
    embedded.runtime.image = "old"

    report = report_of(embedded.upgrade(gateway, None))

    assert not report.resumed
    assert report.backup in set(embedded.backups) - {first}


@pytest.mark.parametrize("running", ["new", None])
def test_an_embedded_upgrade_that_failed_is_resumed_with_its_backup(
    embedded: World, gateway: GatewayClient, running: str | None
) -> None:
    first = fail(embedded, gateway)
    embedded.runtime.image = running
    embedded.runtime.processes["litellm"] = "stopped"

    report = report_of(embedded.upgrade(gateway, None))

    assert (report.before.name, report.resumed, report.backup) == ("old", True, first)
    assert embedded.backups == [first]


def test_a_runtime_that_reports_no_release_is_an_error(
    tmp_path: Path, gateway: GatewayClient
) -> None:
    settings = project(tmp_path, YAML, env="LITELLM_MASTER_KEY=sk-master-0123456789abcdef\n")
    plain = Project(settings=settings, resolved=resolved(up_and_running()), gateway=gateway)

    with pytest.raises(RuntimeUnavailable, match="which release"):
        report_of(upgrade(UpgradeOptions(), lambda: plain))
