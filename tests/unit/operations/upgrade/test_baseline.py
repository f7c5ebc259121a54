"""What may be gone when a release is verified, and what is a loss: after a night, or weeks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gatewayctl.env_file.write import update_env_file
from gatewayctl.errors import NotVerified, ServiceFailed
from gatewayctl.gateway.client import GatewayClient
from gatewayctl.operations.state import upgrade_journal
from tests.fakes.driving import report_of
from tests.fakes.litellm import served, sha256
from tests.fakes.releases import NEW, OLD
from tests.unit.operations.upgrade.upgrading import EVAL, KEY, YAML, World

TOKENS, SPEND = "LiteLLM_VerificationToken", "LiteLLM_SpendLogs"
NOT_MIGRATED = {OLD: 3, NEW: 3}
PERIOD = "maximum_spend_logs_retention_period"
RETENTION = "retention: {spend_logs: 30d}\n"
RETENTIONS = (
    RETENTION,
    f"litellm: {{general_settings: {{{PERIOD}: 30d}}}}\n",
    f"litellm: {{general_settings: {{{PERIOD}: 30}}}}\n",
    f"litellm: {{general_settings: {{{PERIOD}: 1mo}}}}\n",
)


def fail(world: World, gateway: GatewayClient) -> None:
    """An upgrade whose release does not start, until its cause is fixed."""
    world.runtime.crashing.add(NEW)
    with pytest.raises(ServiceFailed):
        report_of(world.upgrade(gateway))
    world.runtime.crashing.clear()
    world.runtime.processes["litellm"] = "stopped"


def delete_old_spend(world: World) -> None:
    """As LiteLLM does every hour."""
    world.rows[SPEND] -= world.runtime.server.old_spend
    world.runtime.server.old_spend = 0


def revoke(world: World, secret: str) -> None:
    world.litellm.deleted[sha256(secret)] = world.litellm.keys.pop(sha256(secret))
    world.content.tokens.remove(sha256(secret))
    world.runtime.server.deleted.append(sha256(secret))
    world.rows[TOKENS] -= 1
    world.rows["LiteLLM_DeletedVerificationToken"] = len(world.runtime.server.deleted)


def block(world: World, secret: str) -> None:
    world.litellm.keys[sha256(secret)]["blocked"] = True
    world.content.tokens.remove(sha256(secret))
    world.content.unusable.append(sha256(secret))


@pytest.mark.parametrize("retention", RETENTIONS)
def test_an_upgrade_is_resumed_after_old_spend_logs_were_deleted(
    tmp_path: Path, retention: str
) -> None:
    world = World(tmp_path, YAML + retention)
    world.runtime.server.old_spend = 3
    with served(world.litellm) as client:
        fail(world, client)
        delete_old_spend(world)

        report = report_of(world.upgrade(client))

    assert report.proof is not None
    assert (report.resumed, report.proof.rows[SPEND]) == (True, 4)


@pytest.mark.parametrize("retention", RETENTIONS[:3])
@pytest.mark.parametrize("lost", [1, 4])
def test_spend_logs_that_their_retention_keeps_are_lost(
    tmp_path: Path, retention: str, lost: int
) -> None:
    world = World(tmp_path, YAML + retention)
    world.runtime.server.old_spend = 3
    with served(world.litellm) as client:
        fail(world, client)
        delete_old_spend(world)
        world.rows[SPEND] -= lost

        with pytest.raises(NotVerified, match=f"{SPEND} has {4 - lost} rows of 4"):
            report_of(world.upgrade(client))


@pytest.mark.parametrize("yaml", [YAML, YAML + RETENTION])
@pytest.mark.parametrize("emptied", [TOKENS, SPEND])
def test_a_migration_that_empties_a_table_is_found_each_time(
    tmp_path: Path, yaml: str, emptied: str
) -> None:
    world = World(tmp_path, yaml)
    with served(world.litellm) as client:
        fail(world, client)
        world.rows[emptied] = 0

        for _ in range(2):
            with pytest.raises(NotVerified, match=f"{emptied} has 0 rows"):
                report_of(world.upgrade(client))


def test_a_key_that_the_database_does_not_know_any_more_is_a_failure(
    world: World, gateway: GatewayClient
) -> None:
    fail(world, gateway)
    world.content.tokens.remove(sha256(KEY))
    world.litellm.keys.pop(sha256(KEY))

    with pytest.raises(NotVerified, match="LITELLM_API_KEY"):
        report_of(world.upgrade(gateway))


@pytest.mark.parametrize("end", [revoke, block])
def test_an_upgrade_is_resumed_after_a_key_was_revoked_or_blocked(
    world: World, gateway: GatewayClient, end: Callable[[World, str], None]
) -> None:
    fail(world, gateway)
    end(world, KEY)

    proof = report_of(world.upgrade(gateway)).proof

    assert proof is not None
    assert (proof.keys, proof.model) == (("LITELLM_EVAL_KEY",), "demo")


def test_a_key_that_was_created_since_is_tried_in_the_place_of_a_revoked_one(
    world: World, gateway: GatewayClient
) -> None:
    world.content.tokens.remove(sha256(EVAL))
    fail(world, gateway)
    revoke(world, KEY)
    world.content.tokens.append(sha256(EVAL))
    world.rows[TOKENS] += 1

    proof = report_of(world.upgrade(gateway)).proof

    assert proof is not None
    assert (proof.keys, proof.model) == (("LITELLM_EVAL_KEY",), "demo")


@pytest.mark.parametrize("end", [revoke, block])
def test_an_upgrade_of_weeks_ago_is_rolled_back_after_a_key_was_revoked_or_blocked(
    world: World, gateway: GatewayClient, end: Callable[[World, str], None]
) -> None:
    world.runtime.migrations = NOT_MIGRATED
    report_of(world.upgrade(gateway))
    end(world, KEY)

    report = report_of(world.rollback(gateway, consented=False))

    assert (report.restored, report.proof.keys) == (False, ("LITELLM_EVAL_KEY",))
    assert upgrade_journal.read_journal(world.load(gateway).settings) is None


def test_an_upgrade_of_weeks_ago_is_rolled_back_after_spend_logs_were_deleted(
    world: World, gateway: GatewayClient
) -> None:
    world.runtime.migrations = NOT_MIGRATED
    report_of(world.upgrade(gateway))
    world.rows[SPEND] = 2

    assert report_of(world.rollback(gateway, consented=False)).proof.rows[SPEND] == 2


def test_a_key_that_was_rotated_since_is_registered_in_the_restored_database(
    world: World, gateway: GatewayClient
) -> None:
    report_of(world.upgrade(gateway))
    rotated = "sk-virtual-of-after-the-upgrade"
    revoke(world, KEY)
    world.content.tokens.append(sha256(rotated))
    settings = world.load(gateway).settings
    update_env_file(settings.env_file, {"LITELLM_API_KEY": rotated})

    report = report_of(world.rollback(gateway))

    assert (report.restored, report.proof.keys) == (True, ("LITELLM_EVAL_KEY",))
    assert sha256(rotated) in world.litellm.keys


def test_rows_that_are_lost_while_the_older_release_starts_are_a_failure(
    world: World, gateway: GatewayClient
) -> None:
    world.runtime.migrations = NOT_MIGRATED
    report_of(world.upgrade(gateway))
    events = world.rollback(gateway, consented=False)
    for event in events:
        if (event.subject, event.state) == ("verification", "working"):
            world.rows[SPEND] = 0

            with pytest.raises(NotVerified, match=SPEND):
                report_of(events)
