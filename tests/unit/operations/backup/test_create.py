from __future__ import annotations

import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gatewayctl.errors import (
    BackupExists,
    EnvFileMissing,
    FileUnwritable,
    Locked,
    RestoreUnproven,
    RuntimeProblem,
    UsageProblem,
)
from gatewayctl.operations.backup import create as backup_module
from gatewayctl.operations.backup.archive import publish_file, unpack
from gatewayctl.operations.backup.create import (
    BackupReport,
    Contents,
    backup,
    backups_folder,
    default_file,
    write_backup,
)
from gatewayctl.operations.backup.encryption import NO_ENCRYPTION, Encryption, is_encrypted
from gatewayctl.operations.state.audit import read_audit
from gatewayctl.operations.state.lock import hold_lock
from gatewayctl.settings.model import Secret, Settings
from tests.fakes.driving import driven, report_of
from tests.fakes.projects import MASTER_KEY, project
from tests.fakes.runtime import FakeRuntime, resolved, up_and_running

ENV = f"# mine\nLITELLM_MASTER_KEY={MASTER_KEY}\nLITELLM_SALT_KEY=sk-salt-0123456789abcdef\n"
AT = datetime(2026, 11, 23, 14, 0, 5, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return project(tmp_path / "shop", "project_name: shop\n", env=ENV)


def run_backup(
    settings: Settings,
    runtime: FakeRuntime,
    file: Path | None = None,
    encryption: Encryption = NO_ENCRYPTION,
) -> BackupReport:
    return report_of(backup(settings, resolved(runtime), file, encryption=encryption))


def files_in_backups(settings: Settings) -> list[str]:
    return sorted(path.name for path in backups_folder(settings).rglob("*"))


def test_a_backup_holds_both_databases_the_secrets_and_the_settings(
    settings: Settings, tmp_path: Path
) -> None:
    runtime = up_and_running()
    folder = tmp_path / "unpacked"
    folder.mkdir()

    report = run_backup(settings, runtime, tmp_path / "a.bak")

    manifest = unpack(report.file, folder)
    assert manifest.project == "shop"
    assert manifest.rows["litellm"]["LiteLLM_SpendLogs"] == 7
    assert manifest.versions["litellm"] == "1.106.2"
    assert manifest.versions["postgres of phoenix"] == "16.14"
    assert (folder / ".env").read_text().startswith("# mine\n")
    assert (folder / "gateway.yaml").read_text() == "project_name: shop\n"
    assert report.contents == Contents(virtual_keys=2, spend_logs=7, traces=4, spans=11)
    assert (report.size, stat.S_IMODE(report.file.stat().st_mode)) == (
        report.file.stat().st_size,
        0o600,
    )


def test_counts_and_dump_see_the_same_snapshot(settings: Settings) -> None:
    runtime = up_and_running()

    run_backup(settings, runtime)

    commands = [line for line in runtime.server.told if line.startswith(("litellm:", "pg_dump"))]
    assert "pg_export_snapshot" in commands[0]
    assert commands[1] == "pg_dump --format=custom --snapshot=00000003-1 litellm"
    assert r"\gexec" in commands[2]


def test_the_default_file_is_named_by_project_and_time_in_a_private_folder(
    settings: Settings,
) -> None:
    report = run_backup(settings, up_and_running())

    assert report.file.parent == backups_folder(settings)
    assert stat.S_IMODE(report.file.parent.stat().st_mode) == 0o700
    assert files_in_backups(settings) == [report.file.name]
    name = default_file(settings, AT).name
    assert name == "shop-20261123T140005Z.gatewayctl-backup"
    assert default_file(settings, AT, encrypted=True).name == f"{name}.age"


def test_a_backup_stops_and_restarts_nothing(settings: Settings) -> None:
    runtime = up_and_running()

    run_backup(settings, runtime)

    assert set(runtime.calls) == {"states"}


def test_a_stopped_stack_is_stopped_again(settings: Settings) -> None:
    runtime = FakeRuntime()

    report = run_backup(settings, runtime)

    assert report.contents.virtual_keys == 2
    assert runtime.running == set()
    assert runtime.calls.count("start postgres") == 1
    assert "start" not in runtime.calls


def test_a_stopped_stack_is_stopped_again_after_a_failure(settings: Settings) -> None:
    runtime = FakeRuntime()
    runtime.server.raising = {"pg_dump"}

    with pytest.raises(RuntimeProblem):
        run_backup(settings, runtime)

    assert runtime.running == set()


@pytest.mark.parametrize("dangling", [True, False])
def test_an_existing_file_is_refused_before_anything_is_done(
    settings: Settings, tmp_path: Path, dangling: bool
) -> None:
    runtime = up_and_running()
    file = tmp_path / "a.bak"
    if dangling:
        file.symlink_to(tmp_path / "nowhere")
    else:
        file.write_text("precious")

    with pytest.raises(BackupExists, match=r"a\.bak"):
        run_backup(settings, runtime, file)

    assert runtime.calls == []
    assert dangling or file.read_text() == "precious"


def test_a_project_without_secrets_has_nothing_to_back_up(tmp_path: Path) -> None:
    with pytest.raises(EnvFileMissing):
        run_backup(project(tmp_path / "empty"), up_and_running())


def test_a_failed_dump_leaves_no_file_and_reports_the_cause(
    settings: Settings, tmp_path: Path
) -> None:
    runtime = up_and_running()
    runtime.server.raising = {"pg_dump"}

    with pytest.raises(RuntimeProblem, match=r"pg_dump of litellm failed: .*explodes"):
        run_backup(settings, runtime, tmp_path / "out" / "a.bak")

    assert not (tmp_path / "out").exists()
    assert files_in_backups(settings) == []


@pytest.mark.parametrize("steps", range(1, 12))
def test_an_interrupted_backup_leaves_no_file_at_all(
    settings: Settings, tmp_path: Path, steps: int
) -> None:
    file = tmp_path / "out" / "a.bak"
    events = backup(settings, resolved(up_and_running()), file)
    for _ in range(steps):
        if next(events, None) is None:
            break
    whole = file.exists()
    events.close()

    assert files_in_backups(settings) == []
    assert [p.name for p in tmp_path.glob("out/*")] == (["a.bak"] if whole else [])


@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_partial_file_is_where_the_next_backup_clears_it(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, elsewhere: bool
) -> None:
    seen: list[Path] = []

    def record(partial: Path, target: Path) -> None:
        seen.append(partial)
        publish_file(partial, target)

    monkeypatch.setattr(backup_module, "publish_file", record)
    run_backup(settings, up_and_running(), tmp_path / "a.bak" if elsewhere else None)

    internal = backups_folder(settings) / ".work" / "packed"
    assert seen == [tmp_path / ".a.bak.partial" if elsewhere else internal]


def test_what_a_killed_backup_left_is_cleared_by_the_next(settings: Settings) -> None:
    work = backups_folder(settings) / ".work"
    work.mkdir(parents=True)
    (work / "litellm.dump").write_text("half")

    report = run_backup(settings, up_and_running())

    assert files_in_backups(settings) == [report.file.name]


def test_an_encrypted_backup_is_encrypted_from_its_first_byte(
    settings: Settings, tmp_path: Path
) -> None:
    encryption = Encryption(
        recipients=("age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj",)
    )

    report = run_backup(settings, up_and_running(), tmp_path / "a.bak", encryption)

    assert report.encrypted
    assert is_encrypted(report.file)
    assert MASTER_KEY.encode() not in report.file.read_bytes()


def test_an_invalid_encryption_is_refused_before_anything_is_done(settings: Settings) -> None:
    runtime = up_and_running()

    with pytest.raises(UsageProblem):
        run_backup(settings, runtime, encryption=Encryption(passphrase=Secret("")))

    assert runtime.calls == []


def test_secrets_of_the_environment_are_in_the_backup_too(tmp_path: Path) -> None:
    environ = {"LITELLM_SALT_KEY": "sk-salt-of-the-shell-0123"}
    without_salt = ENV.partition("LITELLM_SALT_KEY")[0]
    settings = project(tmp_path / "shop", env=without_salt, environ=environ)
    folder = tmp_path / "unpacked"
    folder.mkdir()

    unpack(run_backup(settings, up_and_running()).file, folder)

    assert "LITELLM_SALT_KEY=sk-salt-of-the-shell-0123" in (folder / ".env").read_text()
    assert "sk-salt-of-the-shell" not in settings.env_file.read_text()


def test_the_error_names_a_file_that_cannot_be_written(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(FileUnwritable, match="file"):
        run_backup(settings, up_and_running(), tmp_path / "file" / "a.bak")


def test_a_backup_holds_the_lock_and_is_in_the_audit_log(
    settings: Settings, tmp_path: Path
) -> None:
    with hold_lock(settings.state_dir, "up"), pytest.raises(Locked):
        run_backup(settings, up_and_running(), tmp_path / "a.bak")
    run_backup(settings, up_and_running(), tmp_path / "b.bak")

    entry = read_audit(settings.state_dir).entries[-1]
    assert (entry.verb, entry.subject, entry.outcome) == ("backup", "b.bak", "done")


def test_progress_shows_how_much_is_dumped(settings: Settings) -> None:
    seen, _ = driven(backup(settings, resolved(up_and_running()), None))

    steps = [(event.subject, event.state) for event in seen]
    assert ("dump of litellm", "ready") in steps
    assert ("backup file", "ready") in steps
    assert "12 rows in 3 tables" in [event.detail for event in seen]


def test_a_backup_whose_rows_differ_after_loading_is_not_verified(
    settings: Settings, tmp_path: Path
) -> None:
    runtime = up_and_running()
    runtime.server.loses = "spans"
    events = write_backup(settings, resolved(runtime), tmp_path / "a.bak", verify=True)

    with pytest.raises(RestoreUnproven, match="spans has 10 instead of 11"):
        report_of(events)

    assert set(runtime.server.databases) == {"litellm", "phoenix"}
