from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from gatewayctl.errors import BackupBroken, EnvFileUnwritable, SettingsProblem
from gatewayctl.operations.backup.env import (
    BackupEnv,
    effective_salt_key,
    read_backup_env,
    require_not_shadowed,
    restore_env,
)
from gatewayctl.settings.model import Settings
from tests.fakes.projects import MASTER_KEY, project
from tests.unit.env_file import drawn
from tests.unit.env_file.readers import by_dotenv

BACKUP_ENV = """\
LITELLM_MASTER_KEY=sk-master-of-the-backup-0123
LITELLM_SALT_KEY=sk-salt-of-the-backup-0123
LITELLM_POSTGRES_PASSWORD=password-of-the-backup
POSTGRES_PASSWORD=password-of-the-backup
LITELLM_API_KEY=sk-virtual-of-the-backup-0123
OPENAI_API_KEY=sk-provider-of-the-backup-0123
ANTHROPIC_API_KEY=sk-ant-of-the-backup-0123
"""
CURRENT_ENV = f"""\
# mine
LITELLM_MASTER_KEY={MASTER_KEY}
LITELLM_SALT_KEY=sk-salt-living-0123456789
LITELLM_POSTGRES_PASSWORD=password-living
POSTGRES_PASSWORD=password-living
LITELLM_API_KEY=sk-virtual-living-0123456789
OPENAI_API_KEY=sk-provider-living-0123
MINE=kept
"""
PEM = "-----BEGIN PRIVATE KEY-----\nMIIEv\"'`$\\\\\n-----END PRIVATE KEY-----"
UNQUOTABLE = (
    f'export MINE="{PEM.replace(chr(34), "")}" # of the provider',
    "MINE=${LITELLM_MASTER_KEY}/suffix",
    "MINE='${NOT_EXPANDED}'",
    "MINE=a'b\"c`d$e\\\\",
    "\tMINE\t=\t'tabs'\t# a comment",
    "'MINE'=a name in quotes",
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return project(tmp_path / "shop", env=CURRENT_ENV)


@pytest.fixture
def backup(tmp_path: Path) -> BackupEnv:
    return backup_env(tmp_path, BACKUP_ENV)


def backup_env(folder: Path, text: str) -> BackupEnv:
    file = folder / "backed-up"
    file.write_bytes(text.encode())
    return read_backup_env(file, folder / "archive")


def read_env(settings: Settings) -> dict[str, str]:
    lines = settings.env_file.read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line and line[0] != "#")


def test_secrets_of_the_data_are_restored_and_passwords_of_the_servers_stay(
    settings: Settings, backup: BackupEnv
) -> None:
    changed = restore_env(settings, backup, {"LITELLM_API_KEY"})

    assert read_env(settings) == {
        "LITELLM_MASTER_KEY": "sk-master-of-the-backup-0123",
        "LITELLM_SALT_KEY": "sk-salt-of-the-backup-0123",
        "LITELLM_POSTGRES_PASSWORD": "password-living",
        "POSTGRES_PASSWORD": "password-living",
        "LITELLM_API_KEY": "sk-virtual-of-the-backup-0123",
        "OPENAI_API_KEY": "sk-provider-living-0123",
        "MINE": "kept",
        "ANTHROPIC_API_KEY": "sk-ant-of-the-backup-0123",
    }
    assert settings.env_file.read_text().startswith("# mine\n")
    assert set(changed) == {
        *("LITELLM_MASTER_KEY", "LITELLM_SALT_KEY", "LITELLM_API_KEY", "ANTHROPIC_API_KEY")
    }


@pytest.mark.parametrize("line", UNQUOTABLE)
def test_a_line_that_no_quoting_makes_unambiguous_is_copied_as_it_is(
    settings: Settings, tmp_path: Path, line: str
) -> None:
    backup = backup_env(tmp_path, f"{BACKUP_ENV}{line}\n")

    restore_env(settings, backup, {"LITELLM_API_KEY"}, dry_run=True)
    assert settings.env_file.read_text() == CURRENT_ENV
    restore_env(settings, backup, {"LITELLM_API_KEY", "MINE"})

    assert f"\n{line}\n" in settings.env_file.read_text()


@drawn.few
@given(text=drawn.any_text, lines=drawn.other_lines, keys=st.booleans())
@example(text="A='x\ry'\r\nB=2", lines=["EMPTY="], keys=True)
def test_no_value_of_a_backup_can_be_refused_and_all_are_read_as_before(
    text: str, lines: list[str], keys: bool
) -> None:
    assume("\0" not in text and "\ufeff" not in text)
    with TemporaryDirectory() as folder:
        backup = backup_env(Path(folder), f"LITELLM_MASTER_KEY=sk-of-the-backup-0123\n{text}")
        settings = project(Path(folder) / "shop", env="\n".join([CURRENT_ENV, *lines]))
        before = by_dotenv(settings.env_file)

        restore_env(settings, backup, backup.values if keys else (), dry_run=True)
        restore_env(settings, backup, backup.values if keys else ())

        after = by_dotenv(settings.env_file)
    for name, value in backup.values.items():
        kept = name != "LITELLM_MASTER_KEY" and not keys and before.get(name)
        assert after[name] == (before[name] if kept else value.reveal())
    assert {n: v for n, v in after.items() if n not in backup.values} == {
        n: v for n, v in before.items() if n not in {*backup.values, "LITELLM_SALT_KEY"}
    }


def test_settings_of_the_backup_do_not_replace_or_join_those_of_an_existing_project(
    settings: Settings, tmp_path: Path
) -> None:
    text = f"{BACKUP_ENV}GATEWAYCTL_RUNTIME=docker\nLITELLM_PORT=4444\n"

    restore_env(settings, backup_env(tmp_path, text), ())

    assert not {"GATEWAYCTL_RUNTIME", "LITELLM_PORT"} & set(read_env(settings))


def test_an_env_file_that_cannot_be_written_is_reported_by_a_dry_run(
    settings: Settings, backup: BackupEnv
) -> None:
    settings.env_file.unlink()
    os.mkfifo(settings.env_file)

    with pytest.raises(EnvFileUnwritable, match="not a regular file"):
        restore_env(settings, backup, (), dry_run=True)


def test_restoring_twice_changes_nothing(settings: Settings, backup: BackupEnv) -> None:
    restore_env(settings, backup, {"LITELLM_API_KEY"})

    assert restore_env(settings, backup, {"LITELLM_API_KEY"}) == ()


def test_the_salt_key_is_removed_if_the_backup_has_none(settings: Settings, tmp_path: Path) -> None:
    backup = backup_env(tmp_path, "LITELLM_MASTER_KEY=sk-master-of-the-backup-0123\n")

    restore_env(settings, backup, ())

    assert "LITELLM_SALT_KEY" not in read_env(settings)
    assert effective_salt_key(backup.values) == backup.values["LITELLM_MASTER_KEY"]


@pytest.mark.parametrize("name", ["LITELLM_MASTER_KEY", "LITELLM_SALT_KEY"])
def test_a_secret_that_the_environment_overrides_is_an_error(
    settings: Settings, backup: BackupEnv, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_not_shadowed(settings, backup.values)
    monkeypatch.setenv(name, backup.values[name].reveal())
    require_not_shadowed(settings, backup.values)
    monkeypatch.setenv(name, "sk-of-the-shell-0123456789")

    with pytest.raises(SettingsProblem, match=name) as raised:
        require_not_shadowed(settings, backup.values)
    assert "sk-of-the-shell" not in str(raised.value)


@pytest.mark.parametrize("content", [b"", b"OTHER=1\n", b"\xff\xfe", b"LITELLM_MASTER_KEY=\n"])
def test_a_backup_without_a_master_key_is_broken(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "backed-up"
    file.write_bytes(content)

    with pytest.raises(BackupBroken):
        read_backup_env(file, tmp_path / "archive")
