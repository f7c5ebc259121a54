from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from gatewayctl.errors import (
    BackupBroken,
    BackupForeign,
    BackupSealed,
    FileUnreadable,
    GatewayUnreachable,
    Locked,
    PortTaken,
    RestoreUnproven,
    RuntimeProblem,
    ServiceFailed,
    SettingsProblem,
)
from gatewayctl.gateway.client import GatewayClient
from gatewayctl.operations.audit import audit
from gatewayctl.operations.backup import backup, backups_folder
from gatewayctl.operations.lock import held
from gatewayctl.operations.restore import RestoreOptions, RestoreReport, Stack, restore
from gatewayctl.settings.model import Secret
from tests.fakes.driving import driven, report_of
from tests.fakes.litellm import error, served, sha256
from tests.fakes.phoenix import healthy_stack
from tests.fakes.projects import MASTER_KEY, project
from tests.fakes.runtime import SERVICES, FakeRuntime, resolved, up_and_running
from tests.unit.operations.test_restore_proof import encrypted

SALT = "sk-salt-0123456789abcdef"
KEY = "sk-virtual-0123456789abcdef"
ENV = f"""\
# mine
LITELLM_MASTER_KEY={MASTER_KEY}
LITELLM_SALT_KEY={SALT}
LITELLM_POSTGRES_PASSWORD=password-of-litellm
POSTGRES_PASSWORD=password-of-phoenix
UI_PASSWORD=password-of-the-ui
LITELLM_API_KEY={KEY}
"""
LATER = ENV.replace(KEY, "sk-virtual-later-0123456789").replace(SALT, "sk-salt-later-0123456789")


class World:
    """A project that was backed up, and everything that was changed since."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "shop"
        self.runtime = up_and_running()
        self.litellm = healthy_stack()
        self.litellm.add(KEY, "litellm-dev")
        self.content = self.runtime.server.databases["litellm"]
        self.content.tokens = [sha256(KEY)]
        self.content.rows["LiteLLM_CredentialsTable"] = 1
        self.content.stored = [encrypted("a provider's key", Secret(SALT))]
        self.file = folder / "a.bak"

    def backed_up(self) -> None:
        settings = project(self.folder, "project_name: shop\n", env=ENV)
        report_of(backup(settings, resolved(self.runtime), self.file))

    def changed(self) -> None:
        """Another life since the backup: other keys, more spend, another salt key."""
        (self.folder / ".env").write_text(LATER)
        self.content.rows = {"LiteLLM_VerificationToken": 1, "LiteLLM_SpendLogs": 99}
        self.content.tokens, self.content.stored = [], []
        self.runtime.calls.clear()

    def stack(self, gateway: GatewayClient) -> Stack:
        settings = project(self.folder)
        return Stack(settings=settings, resolved=resolved(self.runtime), gateway=gateway)

    def env(self) -> dict[str, str]:
        lines = (self.folder / ".env").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line and line[0] != "#")

    @property
    def databases(self) -> dict[str, dict[str, int]]:
        return {name: content.rows for name, content in self.runtime.server.databases.items()}


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made.backed_up()
    made.changed()
    return made


@pytest.fixture
def gateway(world: World) -> Iterator[GatewayClient]:
    with served(world.litellm) as client:
        yield client


Restore = Callable[..., RestoreReport]


@pytest.fixture
def done(world: World, gateway: GatewayClient) -> Restore:
    def run(file: Path | None = None, **options: object) -> RestoreReport:
        wanted = RestoreOptions(**{"timeout": 2, **options})  # type: ignore[arg-type]
        return report_of(restore(file or world.file, wanted, lambda: world.stack(gateway)))

    return run


BACKED_UP = {
    "litellm": {
        "LiteLLM_VerificationToken": 2,
        "LiteLLM_SpendLogs": 7,
        "_prisma_migrations": 3,
        "LiteLLM_CredentialsTable": 1,
    },
    "phoenix": {"traces": 4, "spans": 11},
}


# What it does


def test_the_data_and_the_secrets_of_the_backup_are_back(world: World, done: Restore) -> None:
    report = done()

    assert world.databases == BACKED_UP
    assert world.env()["LITELLM_API_KEY"] == KEY
    assert world.env()["LITELLM_SALT_KEY"] == SALT
    assert world.runtime.running == set(SERVICES)
    assert set(report.env_changed) == {"LITELLM_API_KEY", "LITELLM_SALT_KEY"}
    assert report.rows == {"litellm": 13, "phoenix": 15}


def test_a_key_and_a_credential_of_the_backup_are_proven(world: World, done: Restore) -> None:
    report = done()

    assert (report.key, report.key_opens) == ("LITELLM_API_KEY", True)
    assert report.credential == "decrypted"
    assert report.problem is None
    assert f"Bearer {KEY}" in [r.headers.get("authorization") for r in world.litellm.requests]


def test_services_are_stopped_before_the_swap_and_only_the_servers_run_during_it(
    world: World, done: Restore
) -> None:
    done()

    verbs = [call for call in world.runtime.calls if call != "states"]
    assert verbs == ["stop", "start postgres", "start"]


def test_what_was_there_is_in_a_backup_of_its_own(world: World, done: Restore) -> None:
    before = done().before

    assert before is not None
    done(before)
    assert world.databases["litellm"]["LiteLLM_SpendLogs"] == 99
    assert world.env()["LITELLM_SALT_KEY"] == "sk-salt-later-0123456789"


def test_without_a_backup_of_what_was_there_no_file_is_made(world: World, done: Restore) -> None:
    assert done(backup=False).before is None
    assert list(backups_folder(project(world.folder)).iterdir()) == []


def test_restoring_twice_is_restoring_once(world: World, done: Restore) -> None:
    done()
    done()

    assert world.databases == BACKED_UP


def test_a_project_that_was_never_up_is_made_by_it(
    world: World, done: Restore, tmp_path: Path
) -> None:
    shutil.rmtree(world.folder)
    world.folder.mkdir()
    world.runtime = FakeRuntime()
    world.runtime.server.databases.clear()

    report = done()

    assert world.databases == BACKED_UP
    assert world.runtime.running == set(SERVICES)
    assert report.before is None
    assert report.config == "restored"
    assert (world.folder / "gateway.yaml").read_text() == "project_name: shop\n"
    assert world.env()["LITELLM_MASTER_KEY"] == MASTER_KEY
    assert world.env()["LITELLM_POSTGRES_PASSWORD"] != "password-of-litellm"


def test_a_settings_file_of_the_project_is_left_and_the_difference_told(
    world: World, done: Restore
) -> None:
    (world.folder / "gateway.yaml").write_text("project_name: shop\nprofile: production\n")

    assert done().config == "differs, kept"
    assert "production" in (world.folder / "gateway.yaml").read_text()


# What it refuses, with nothing touched


def untouched(world: World, before: dict[str, dict[str, int]]) -> bool:
    """Whether the living are what they were, and nothing was stopped."""
    changing = {"stop", "start", "start postgres"} & set(world.runtime.calls)
    return world.databases == before and world.env()["LITELLM_SALT_KEY"] != SALT and not changing


def test_a_broken_backup_touches_nothing(world: World, done: Restore) -> None:
    before = world.databases
    whole = world.file.read_bytes()
    for percent in range(0, 100, 10):
        world.file.write_bytes(whole[: len(whole) * percent // 100])
        with pytest.raises(BackupBroken):
            done()
    with pytest.raises(FileUnreadable):
        done(world.folder / "nowhere")

    assert untouched(world, before)


def test_a_sealed_backup_without_its_key_touches_nothing(world: World, done: Restore) -> None:
    before = world.databases
    world.file.write_bytes(b"age-encryption.org/v1\n-> X25519 abc\n")

    with pytest.raises(BackupSealed):
        done()

    assert untouched(world, before)


def test_a_backup_of_another_project_needs_force(world: World, done: Restore) -> None:
    before = world.databases
    (world.folder / "gateway.yaml").write_text("project_name: other\n")

    with pytest.raises(BackupForeign, match=r"'shop'.*'other'"):
        done()
    assert untouched(world, before)

    assert done(force=True).project == "other"
    assert world.databases == BACKED_UP


def test_rows_that_are_lost_on_the_way_are_found_before_the_swap(
    world: World, done: Restore
) -> None:
    world.runtime.server.loses = "LiteLLM_SpendLogs"

    with pytest.raises(RestoreUnproven, match="LiteLLM_SpendLogs has 6 instead of 7"):
        done(backup=False)

    assert world.databases["litellm"]["LiteLLM_SpendLogs"] == 99
    assert "stop" not in world.runtime.calls


def test_a_dump_that_cannot_be_read_touches_nothing(world: World, done: Restore) -> None:
    world.runtime.server.raising = {"pg_restore"}

    with pytest.raises(RuntimeProblem, match="pg_restore of litellm failed"):
        done(backup=False)

    assert world.databases["litellm"]["LiteLLM_SpendLogs"] == 99
    assert "stop" not in world.runtime.calls


def test_credentials_that_do_not_open_with_the_salt_key_need_force(
    world: World, done: Restore
) -> None:
    world.runtime.server.databases["litellm"].stored = [encrypted("x", Secret("sk-another-salt"))]
    world.runtime.server.databases["litellm"].rows["LiteLLM_CredentialsTable"] = 1
    unreadable = world.file.with_name("b.bak")
    settings = project(world.folder)
    report_of(backup(settings, resolved(world.runtime), unreadable))

    with pytest.raises(RestoreUnproven, match="salt key"):
        done(unreadable)
    assert "stop" not in world.runtime.calls

    assert done(unreadable, force=True).credential == "not decrypted"


def test_a_master_key_in_the_environment_stops_it_before_anything(
    world: World, done: Restore, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = world.databases
    monkeypatch.setenv("LITELLM_MASTER_KEY", "sk-of-the-shell-0123456789")

    with pytest.raises(SettingsProblem, match="LITELLM_MASTER_KEY"):
        done()

    assert untouched(world, before)


def test_a_project_that_is_being_changed_is_left_alone(world: World, done: Restore) -> None:
    with held(world.folder / ".gatewayctl", "up"), pytest.raises(Locked):
        done()

    assert world.runtime.calls == []


# What can go wrong after the swap


def test_a_key_that_is_refused_is_a_problem_and_the_old_databases_are_kept(
    world: World, done: Restore
) -> None:
    world.litellm.planted["/v1/models"] = lambda _: error(401, "no")

    report = done()

    assert report.problem is not None
    assert (report.problem.exit_code, report.key_opens) == (7, False)
    assert world.databases["litellm_before_restore"]["LiteLLM_SpendLogs"] == 99
    assert audit(world.folder / ".gatewayctl").entries[-1].outcome == "partial"


def test_a_start_that_fails_keeps_the_old_databases_and_the_next_restore_ends_well(
    world: World, done: Restore
) -> None:
    world.runtime.raising = {"start": ServiceFailed("litellm ended.")}
    with pytest.raises(ServiceFailed):
        done()
    assert world.databases["litellm_before_restore"]["LiteLLM_SpendLogs"] == 99

    world.runtime.raising = {}
    done()

    assert world.databases == BACKED_UP


def test_a_taken_port_is_found_before_anything_is_touched(world: World, done: Restore) -> None:
    world.runtime.processes = dict.fromkeys(SERVICES, "stopped")
    world.runtime.raising = {"preflight": PortTaken("Port 4000 is held.")}

    with pytest.raises(PortTaken):
        done()

    assert world.databases["litellm"]["LiteLLM_SpendLogs"] == 99


def test_no_key_to_prove_is_said_and_is_no_problem(
    world: World, done: Restore, gateway: GatewayClient
) -> None:
    text = ENV.replace(KEY, "sk-virtual-unknown-0123456789")
    settings = project(world.folder, env=text)
    other = world.file.with_name("b.bak")
    report_of(backup(settings, resolved(world.runtime), other))

    report = done(other)

    assert (report.key, report.key_opens, report.problem) == (None, None, None)


def steps(world: World, gateway: GatewayClient) -> int:
    seen, _ = driven(restore(world.file, RestoreOptions(timeout=2), lambda: world.stack(gateway)))
    return len(seen)


def test_interrupted_at_any_step_the_next_restore_ends_well_and_nothing_is_lost(
    tmp_path: Path,
) -> None:
    (tmp_path / "whole").mkdir()
    whole = World(tmp_path / "whole")
    whole.backed_up()
    whole.changed()
    with served(whole.litellm) as gateway:
        count = steps(whole, gateway)
    assert count > 15
    for step in range(1, count + 1):
        folder = tmp_path / str(step)
        folder.mkdir()
        interrupted_at(step, folder)


def interrupted_at(step: int, folder: Path) -> None:
    world = World(folder)
    world.backed_up()
    world.changed()
    with served(world.litellm) as gateway:
        options = RestoreOptions(timeout=2)
        events = restore(world.file, options, lambda: world.stack(gateway))
        for _ in range(step):
            next(events)
        events.close()
        # At every moment the data of before is living, kept beside, or in a whole backup.
        kept = [rows.get("LiteLLM_SpendLogs") for rows in world.databases.values()]
        settings = project(world.folder)
        files = list(backups_folder(settings).glob("*.gatewayctl-backup"))
        assert 99 in kept or files

        again = report_of(restore(world.file, options, lambda: world.stack(gateway)))

    assert world.databases == BACKED_UP
    assert world.env()["LITELLM_SALT_KEY"] == SALT
    assert again.key_opens
    assert world.runtime.running == set(SERVICES)


def test_what_was_living_before_the_first_attempt_is_what_is_kept(
    world: World, done: Restore, gateway: GatewayClient
) -> None:
    world.litellm.planted["/v1/models"] = lambda _: error(401, "no")
    done()
    done()

    assert world.databases["litellm_before_restore"]["LiteLLM_SpendLogs"] == 99
    assert "litellm_discarded" not in world.databases


def test_a_gateway_that_is_gone_at_the_proof_is_not_taken_for_a_refusal(
    world: World, done: Restore
) -> None:
    def gone(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("nobody", request=request)

    world.litellm.planted["/v1/models"] = gone

    with pytest.raises(GatewayUnreachable):
        done()

    assert world.databases["litellm_before_restore"]["LiteLLM_SpendLogs"] == 99
