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
from tests.fakes.driving import driven, press_control_c, report_of
from tests.fakes.litellm import error, served
from tests.fakes.projects import project
from tests.fakes.runtime import SERVICES, resolved
from tests.unit.operations.backup.restoring import BACKED_UP, ENV, KEY, SALT, World

# Failures after the swap


def test_a_refused_key_is_a_problem_and_the_previous_databases_are_kept(world: World) -> None:
    world.litellm.planted["/v1/models"] = lambda _: error(401, "no")

    report = world.restore()

    assert report.problem is not None
    assert (report.problem.exit_code, report.key_opens) == (7, False)
    assert world.databases["litellm_before_restore"]["LiteLLM_SpendLogs"] == 99
    assert read_audit(world.folder / ".gatewayctl").entries[-1].outcome == "partial"


def test_a_failed_start_keeps_the_previous_databases_and_the_next_restore_succeeds(
    world: World,
) -> None:
    world.runtime.raising = {"start": ServiceFailed("litellm ended.")}
    with pytest.raises(ServiceFailed):
        world.restore()
    assert world.databases["litellm_before_restore"]["LiteLLM_SpendLogs"] == 99

    world.runtime.raising = {}
    world.restore()

    assert world.databases == BACKED_UP


def test_a_taken_port_is_reported_before_anything_changes(world: World) -> None:
    world.runtime.processes = dict.fromkeys(SERVICES, "stopped")
    world.runtime.raising = {"preflight": PortTaken("Port 4000 is held.")}

    with pytest.raises(PortTaken):
        world.restore()

    assert world.databases["litellm"]["LiteLLM_SpendLogs"] == 99


def test_a_backup_without_a_known_key_is_no_problem(world: World) -> None:
    text = ENV.replace(KEY, "sk-virtual-unknown-0123456789")
    settings = project(world.folder, env=text)
    other = world.file.with_name("b.bak")
    report_of(backup(settings, resolved(world.runtime), other))

    report = world.restore(other)

    assert (report.key, report.key_opens, report.problem) == (None, None, None)


def test_the_databases_from_before_the_first_attempt_are_kept(
    world: World,
) -> None:
    world.litellm.planted["/v1/models"] = lambda _: error(401, "no")
    world.restore()
    world.restore()

    assert world.databases["litellm_before_restore"]["LiteLLM_SpendLogs"] == 99
    assert "litellm_discarded" not in world.databases


def test_an_unreachable_gateway_is_not_taken_for_a_refused_key(world: World) -> None:
    def refuse_connection(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    world.litellm.planted["/v1/models"] = refuse_connection

    with pytest.raises(GatewayUnreachable):
        world.restore()

    assert world.databases["litellm_before_restore"]["LiteLLM_SpendLogs"] == 99


def test_a_failed_stop_leaves_no_unfinished_restore(world: World) -> None:
    world.runtime.raising = {"stop": ServiceFailed("phoenix does not end.")}

    with pytest.raises(ServiceFailed):
        world.restore()

    assert unfinished_restore(project(world.folder).state_dir) is None


# Interrupted


def test_a_restore_interrupted_at_any_step_is_finished_by_the_next_and_nothing_is_lost(
    tmp_path: Path,
) -> None:
    whole = World.create(tmp_path / "whole")
    with served(whole.litellm) as gateway:
        count = len(driven(whole.start_restore(gateway))[0])
    assert count > 15

    refused = [interrupt_at(step, tmp_path / str(step)) for step in range(1, count + 1)]

    # Other verbs are refused between the swap and the secrets, and at no other step.
    first = refused.index(True)
    assert all(refused[first : first + sum(refused)])
    assert sum(refused) >= 4


def interrupt_at(step: int, folder: Path) -> bool:
    """Interrupt a restore and run it again; true if `up` was refused in between."""
    world = World.create(folder)
    with served(world.litellm) as gateway:
        told = press_control_c(world.start_restore(gateway), after=step)
        # The previous data is always in a current database, in a kept one, or in a backup.
        kept = [rows.get("LiteLLM_SpendLogs") for rows in world.databases.values()]
        settings = project(world.folder)
        files = list(backups_folder(settings).glob("*.gatewayctl-backup"))
        assert 99 in kept or files
        refused = is_up_refused(world, gateway)
        assert ("until the restore is finished" in told.message) == refused
        assert (f"gatewayctl restore {world.file} --yes" in told.hint) >= refused
        unchanged = {name: world.databases[name] for name in world.before} == world.before
        assert ("was not changed" in told.message) <= unchanged
        consistent = (world.databases["litellm"] == BACKED_UP["litellm"]) == (
            world.env()["LITELLM_SALT_KEY"] == SALT
        )
        assert consistent or refused

        if refused:
            second = press_control_c(world.start_restore(gateway), after=1)
            assert "until the restore is finished" in second.message

        again = report_of(world.start_restore(gateway))

    assert world.databases == BACKED_UP
    assert world.env()["LITELLM_SALT_KEY"] == SALT
    assert again.key_opens
    assert world.runtime.running == set(SERVICES)
    assert unfinished_restore(settings.state_dir) is None
    return refused


def is_up_refused(world: World, gateway: GatewayClient) -> bool:
    """True when other verbs are refused until the restore is finished."""
    try:
        with change_project(world.load_project(gateway).settings, "up"):
            return False
    except RestoreUnfinished as error:
        return f"gatewayctl restore {world.file} --yes" in error.hint


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff"])
def test_a_restore_is_unfinished_also_if_its_journal_cannot_be_read(
    world: World, content: bytes
) -> None:
    settings = project(world.folder)
    (settings.state_dir / "restore.json").write_bytes(content)

    with pytest.raises(RestoreUnfinished, match="between the databases and their secrets"):
        require_restore_finished(settings.state_dir)
