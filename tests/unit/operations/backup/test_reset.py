from __future__ import annotations

import json
from collections.abc import Generator
from pathlib import Path

import httpx
import pytest

from gatewayctl.errors import (
    EnvFileMissing,
    GatewayctlError,
    ImageMissing,
    Locked,
    PortTaken,
    RestoreUnproven,
)
from gatewayctl.gateway.client import GatewayClient
from gatewayctl.operations.backup.loss import Loss
from gatewayctl.operations.backup.reset import ResetOptions, ResetReport, reset
from gatewayctl.operations.state.audit import read_audit
from gatewayctl.operations.state.lock import hold_lock
from gatewayctl.runtimes.base import Progress
from gatewayctl.settings.model import Settings
from tests.fakes.database import FakeContent
from tests.fakes.driving import driven, press_control_c, report_of
from tests.fakes.litellm import FakeLiteLLM, error, sha256
from tests.fakes.projects import MASTER_KEY, project
from tests.fakes.runtime import SERVICES, FakeRuntime, loading, up_and_running
from tests.unit.operations.backup.conftest import OLD

UNKNOWN = Loss(keys=None, spend=None)


def reset_events(
    settings: Settings, runtime: FakeRuntime, gateway: GatewayClient, **options: bool
) -> Generator[Progress, None, ResetReport]:
    wanted = ResetOptions(timeout=2, **options)
    return reset(settings, loading(settings, runtime, gateway), wanted, lost=UNKNOWN)


def run_reset(
    settings: Settings, runtime: FakeRuntime, gateway: GatewayClient, **options: bool
) -> ResetReport:
    return report_of(reset_events(settings, runtime, gateway, **options))


def drop_rows(runtime: FakeRuntime) -> FakeRuntime:
    """Leave tables without rows, as an interrupted reset does."""
    for content in runtime.server.databases.values():
        content.rows = {"_prisma_migrations": 213}
    return runtime


def test_the_database_is_emptied_before_anything_starts_and_the_keys_are_new(
    settings: Settings, gateway: GatewayClient, stack: FakeLiteLLM
) -> None:
    runtime = up_and_running()

    report = run_reset(settings, runtime, gateway)

    verbs = [call for call in runtime.calls if call != "states"]
    assert verbs == ["preflight", "prepare", "empty_litellm_database", "start"]
    assert report.project == "shop"
    assert report.lost == UNKNOWN
    assert [service.health for service in report.services] == ["healthy"] * 3
    assert [key.status for key in report.keys.keys] == ["created", "created"]
    assert len(stack.keys) == 2


def test_the_old_virtual_key_is_replaced_and_everything_else_in_env_file_stays(
    settings: Settings, gateway: GatewayClient
) -> None:
    run_reset(settings, up_and_running(), gateway)

    text = settings.env_file.read_text()
    assert OLD not in text
    assert "# mine" in text
    assert "KEPT=yes" in text
    assert f"LITELLM_MASTER_KEY={MASTER_KEY}" in text
    assert "LITELLM_API_KEY=sk-" in text


def test_an_interrupted_reset_is_finished_by_the_next(
    settings: Settings, gateway: GatewayClient
) -> None:
    runtime = up_and_running()
    going = reset_events(settings, runtime, gateway)
    while "empty_litellm_database" not in runtime.calls:
        next(going)
    going.close()
    assert runtime.running == {"postgres", "phoenix"}

    report = run_reset(settings, runtime, gateway)

    assert runtime.running == set(SERVICES)
    assert report.problem is None


def test_phoenix_is_neither_stopped_nor_emptied(settings: Settings, gateway: GatewayClient) -> None:
    runtime = up_and_running()

    run_reset(settings, runtime, gateway)

    assert not any(call.startswith("stop") for call in runtime.calls)


def test_a_stack_that_does_not_run_can_be_reset(settings: Settings, gateway: GatewayClient) -> None:
    runtime = FakeRuntime()

    run_reset(settings, runtime, gateway)

    assert runtime.running == set(SERVICES)


def test_without_a_master_key_nothing_is_emptied(tmp_path: Path, gateway: GatewayClient) -> None:
    runtime = up_and_running()

    with pytest.raises(EnvFileMissing):
        run_reset(project(tmp_path / "empty"), runtime, gateway)

    assert runtime.calls == []


def test_a_taken_port_is_found_before_anything_is_emptied(
    settings: Settings, gateway: GatewayClient
) -> None:
    runtime = FakeRuntime(raising={"preflight": PortTaken("Port 4000 is held.")})

    with pytest.raises(PortTaken):
        run_reset(settings, runtime, gateway)

    assert "empty_litellm_database" not in runtime.calls


@pytest.mark.parametrize("what", [".env", "rendered files", "image"])
def test_what_would_fail_after_the_database_is_dropped_is_found_before(
    settings: Settings, gateway: GatewayClient, what: str
) -> None:
    runtime = up_and_running()
    if what == ".env":
        (settings.project_dir / ".env.gatewayctl-tmp").mkdir()
    elif what == "rendered files":
        settings.compose_dir.write_text("a file")
    else:
        runtime.raising = {"prepare": ImageMissing("There is no image.")}

    with pytest.raises(GatewayctlError):
        run_reset(settings, runtime, gateway, everything=True)

    assert runtime.server.databases["litellm"].rows["LiteLLM_SpendLogs"] == 7
    assert runtime.server.databases["phoenix"].rows["spans"] == 11
    assert "stop" not in runtime.calls


# The backup before it


def test_the_lost_data_is_in_a_backup_that_was_loaded_back(
    settings: Settings, gateway: GatewayClient
) -> None:
    runtime = up_and_running()

    report = run_reset(settings, runtime, gateway)

    assert report.backup is not None
    assert report.backup.is_file()
    commands = runtime.server.told
    assert any(line.startswith("pg_restore") and "litellm_scratch" in line for line in commands)
    assert set(runtime.server.databases) == {"litellm", "phoenix"}


def test_a_backup_that_cannot_be_verified_stops_a_reset_before_anything_is_lost(
    settings: Settings, gateway: GatewayClient
) -> None:
    runtime = up_and_running()
    runtime.server.loses = "LiteLLM_SpendLogs"

    with pytest.raises(RestoreUnproven):
        run_reset(settings, runtime, gateway)

    assert "empty_litellm_database" not in runtime.calls
    assert OLD in settings.env_file.read_text()


def test_a_reset_without_a_backup_dumps_nothing(settings: Settings, gateway: GatewayClient) -> None:
    runtime = up_and_running()

    assert run_reset(settings, runtime, gateway, backup=False).backup is None
    assert runtime.server.told == []


def test_an_empty_database_is_not_backed_up(settings: Settings, gateway: GatewayClient) -> None:
    assert run_reset(settings, drop_rows(up_and_running()), gateway).backup is None


def test_a_missing_database_is_created(settings: Settings, gateway: GatewayClient) -> None:
    runtime = up_and_running()
    del runtime.server.databases["litellm"]

    report = run_reset(settings, runtime, gateway)

    assert report.problem is None
    assert "litellm" in runtime.server.databases


# Keys, traces, applications


def test_kept_keys_stay_in_the_database_while_everything_else_is_deleted(
    settings: Settings, gateway: GatewayClient
) -> None:
    runtime = up_and_running()

    report = run_reset(settings, runtime, gateway, keep_keys=True)

    assert report.keys_kept == 2
    rows = runtime.server.databases["litellm"].rows
    assert rows["LiteLLM_VerificationToken"] == 2
    assert rows["LiteLLM_SpendLogs"] == 0
    assert OLD in settings.env_file.read_text()
    assert "empty_litellm_database" not in runtime.calls
    verbs = [call for call in runtime.calls if call.startswith(("stop", "start"))]
    assert verbs == ["stop", "start postgres", "start"]


def test_declared_keys_that_the_database_lost_are_registered_with_their_secrets(
    settings: Settings, gateway: GatewayClient, stack: FakeLiteLLM
) -> None:
    runtime = drop_rows(up_and_running())

    report = run_reset(settings, runtime, gateway, keep_keys=True)

    assert "empty_litellm_database" in runtime.calls
    assert OLD in settings.env_file.read_text()
    assert [key.status for key in report.keys.keys] == ["registered", "created"]
    assert sha256(OLD) in stack.keys


def test_a_reset_of_everything_empties_phoenix_s_database_too(
    settings: Settings, gateway: GatewayClient
) -> None:
    runtime = up_and_running()

    report = run_reset(settings, runtime, gateway, everything=True)

    assert report.traces_lost
    assert runtime.server.databases["phoenix"].rows == {}
    assert runtime.running == set(SERVICES)
    verbs = [call for call in runtime.calls if call.startswith(("stop", "start", "empty"))]
    assert verbs == ["stop", "start postgres", "empty_litellm_database", "start"]


def test_apps_are_restarted_after_their_keys_are_created(
    settings: Settings, gateway: GatewayClient
) -> None:
    runtime = up_and_running(apps=("web",))
    runtime.processes["web"] = "running"
    runtime.pids["web"] = 200

    run_reset(settings, runtime, gateway)

    assert runtime.calls.index("start_apps") > runtime.calls.index("start")


@pytest.mark.parametrize("option", ["", "everything", "keep_keys"])
def test_interrupted_at_any_step_the_next_reset_finishes_it(
    settings: Settings, stack: FakeLiteLLM, gateway: GatewayClient, option: str
) -> None:
    options = {option: True} if option else {}
    flag = {"": "", "everything": " --all", "keep_keys": " --keep-keys"}[option]
    count = len(driven(reset_events(settings, up_and_running(), gateway, **options))[0])
    assert count > 10
    for step in range(1, count + 1):
        runtime = up_and_running()
        going = reset_events(settings, runtime, gateway, **options)
        told = press_control_c(going, after=step)
        whole = all(any(db.rows.values()) for db in runtime.server.databases.values())
        whole = whole and runtime.server.databases["litellm"].rows["LiteLLM_SpendLogs"] > 0
        assert ("has deleted no data" in told.message) <= whole
        if not whole:
            assert f"gatewayctl reset --yes{flag}`" in told.hint
            assert ".gatewayctl-backup" in told.message
        kept = runtime.server.databases.get("litellm", FakeContent()).rows
        files = list((settings.state_dir / "backups").glob("*.gatewayctl-backup"))
        assert kept.get("LiteLLM_SpendLogs") or files
        stack.keys.clear()

        report = run_reset(settings, runtime, gateway, **options)

        assert report.problem is None
        assert runtime.running == set(SERVICES)
        assert set(runtime.server.databases) == {"litellm", "phoenix"}


def test_a_reset_is_in_the_audit_log(settings: Settings, gateway: GatewayClient) -> None:
    run_reset(settings, up_and_running(), gateway)

    assert [(e.verb, e.outcome) for e in read_audit(settings.state_dir).entries] == [
        ("reset", "done")
    ]


def test_a_project_that_is_locked_is_not_changed(
    settings: Settings, gateway: GatewayClient
) -> None:
    runtime = up_and_running()

    with hold_lock(settings.state_dir, "up"), pytest.raises(Locked):
        run_reset(settings, runtime, gateway)

    assert runtime.calls == []


def test_a_key_that_could_not_be_created_is_a_problem_of_the_report(
    settings: Settings, gateway: GatewayClient, stack: FakeLiteLLM
) -> None:
    def refuse_one(request: httpx.Request) -> httpx.Response:
        if json.loads(request.content)["key_alias"] == "litellm-eval":
            return error(400, "This alias is not wanted.")
        return stack._key_generate(request)

    stack.planted["/key/generate"] = refuse_one

    problem = run_reset(settings, up_and_running(), gateway).problem

    assert problem is not None
    assert problem.exit_code == 7
