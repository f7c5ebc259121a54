from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from gatewayctl.errors import GatewayUnreachable, PortTaken, RestoreUnfinished, ServiceFailed
from gatewayctl.gateway.client import GatewayClient
from gatewayctl.operations.backup.create import backup, backups_folder
from gatewayctl.operations.state.audit import read_audit
from gatewayctl.operations.state.exclusive import change_project
from gatewayctl.operations.state.restore_journal import require_restore_finished, unfinished_restore
from tests.fakes.driving import driven, report_of
from tests.fakes.litellm import error, served
from tests.fakes.projects import project
from tests.fakes.runtime import SERVICES, resolved
from tests.unit.operations.backup.restoring import BACKED_UP, ENV, KEY, SALT, World


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World.living(tmp_path)


# What can go wrong after the swap


def test_a_key_that_is_refused_is_a_problem_and_the_old_databases_are_kept(world: World) -> None:
    world.litellm.planted["/v1/models"] = lambda _: error(401, "no")

    report = world.restored()

    assert report.problem is not None
    assert (report.problem.exit_code, report.key_opens) == (7, False)
    assert world.databases["litellm_before_restore"]["LiteLLM_SpendLogs"] == 99
    assert read_audit(world.folder / ".gatewayctl").entries[-1].outcome == "partial"


def test_a_start_that_fails_keeps_the_old_databases_and_the_next_restore_ends_well(
    world: World,
) -> None:
    world.runtime.raising = {"start": ServiceFailed("litellm ended.")}
    with pytest.raises(ServiceFailed):
        world.restored()
    assert world.databases["litellm_before_restore"]["LiteLLM_SpendLogs"] == 99

    world.runtime.raising = {}
    world.restored()

    assert world.databases == BACKED_UP


def test_a_taken_port_is_found_before_anything_is_touched(world: World) -> None:
    world.runtime.processes = dict.fromkeys(SERVICES, "stopped")
    world.runtime.raising = {"preflight": PortTaken("Port 4000 is held.")}

    with pytest.raises(PortTaken):
        world.restored()

    assert world.databases["litellm"]["LiteLLM_SpendLogs"] == 99


def test_no_key_to_prove_is_said_and_is_no_problem(world: World) -> None:
    text = ENV.replace(KEY, "sk-virtual-unknown-0123456789")
    settings = project(world.folder, env=text)
    other = world.file.with_name("b.bak")
    report_of(backup(settings, resolved(world.runtime), other))

    report = world.restored(other)

    assert (report.key, report.key_opens, report.problem) == (None, None, None)


def test_what_was_living_before_the_first_attempt_is_what_is_kept(
    world: World,
) -> None:
    world.litellm.planted["/v1/models"] = lambda _: error(401, "no")
    world.restored()
    world.restored()

    assert world.databases["litellm_before_restore"]["LiteLLM_SpendLogs"] == 99
    assert "litellm_discarded" not in world.databases


def test_a_gateway_that_is_gone_at_the_proof_is_not_taken_for_a_refusal(world: World) -> None:
    def gone(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("nobody", request=request)

    world.litellm.planted["/v1/models"] = gone

    with pytest.raises(GatewayUnreachable):
        world.restored()

    assert world.databases["litellm_before_restore"]["LiteLLM_SpendLogs"] == 99


def test_services_that_could_not_be_stopped_may_be_started_again(world: World) -> None:
    world.runtime.raising = {"stop": ServiceFailed("phoenix does not end.")}

    with pytest.raises(ServiceFailed):
        world.restored()

    assert unfinished_restore(project(world.folder)) is None


# Interrupted


def test_interrupted_at_any_step_the_next_restore_ends_well_and_nothing_is_lost(
    tmp_path: Path,
) -> None:
    whole = World.living(tmp_path / "whole")
    with served(whole.litellm) as gateway:
        count = len(driven(whole.restoring(gateway))[0])
    assert count > 15

    refused = [interrupted_at(step, tmp_path / str(step)) for step in range(1, count + 1)]

    # Between the swap and the secrets, and at no other step, only a restore may go on.
    first = refused.index(True)
    assert all(refused[first : first + sum(refused)])
    assert sum(refused) >= 4


def interrupted_at(step: int, folder: Path) -> bool:
    """Whether `up` was refused between the two attempts."""
    world = World.living(folder)
    with served(world.litellm) as gateway:
        events = world.restoring(gateway)
        for _ in range(step):
            next(events)
        events.close()
        # At every moment the data of before is living, kept beside, or in a whole backup.
        kept = [rows.get("LiteLLM_SpendLogs") for rows in world.databases.values()]
        settings = project(world.folder)
        files = list(backups_folder(settings).glob("*.gatewayctl-backup"))
        assert 99 in kept or files
        refused = up_is_refused(world, gateway)
        belong = (world.databases["litellm"] == BACKED_UP["litellm"]) == (
            world.env()["LITELLM_SALT_KEY"] == SALT
        )
        assert belong or refused

        again = report_of(world.restoring(gateway))

    assert world.databases == BACKED_UP
    assert world.env()["LITELLM_SALT_KEY"] == SALT
    assert again.key_opens
    assert world.runtime.running == set(SERVICES)
    assert unfinished_restore(settings) is None
    return refused


def up_is_refused(world: World, gateway: GatewayClient) -> bool:
    """Whether any other verb is told to finish the restore first."""
    try:
        with change_project(world.stack(gateway).settings, "up"):
            return False
    except RestoreUnfinished as error:
        return f"gatewayctl restore {world.file} --yes" in error.hint


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff"])
def test_a_journal_that_cannot_be_read_still_says_that_a_restore_is_unfinished(
    world: World, content: bytes
) -> None:
    settings = project(world.folder)
    (settings.state_dir / "restore.json").write_bytes(content)

    with pytest.raises(RestoreUnfinished, match="between the databases and their secrets"):
        require_restore_finished(settings)
