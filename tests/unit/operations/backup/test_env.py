from __future__ import annotations

from pathlib import Path

import pytest

from gatewayctl.errors import BackupBroken, SettingsProblem
from gatewayctl.operations.backup.env import (
    effective_salt_key,
    read_backup_env,
    require_not_shadowed,
    restore_env,
)
from gatewayctl.settings.model import Secret, Settings
from tests.fakes.projects import MASTER_KEY, project

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


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return project(tmp_path / "shop", env=CURRENT_ENV)


@pytest.fixture
def values(tmp_path: Path) -> dict[str, Secret]:
    file = tmp_path / "backed-up"
    file.write_text(BACKUP_ENV)
    return dict(read_backup_env(file, tmp_path / "archive"))


def read_env(settings: Settings) -> dict[str, str]:
    lines = settings.env_file.read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line and line[0] != "#")


def test_secrets_of_the_data_are_restored_and_passwords_of_the_servers_stay(
    settings: Settings, values: dict[str, Secret]
) -> None:
    changed = restore_env(settings, values, {"LITELLM_API_KEY"})

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


def test_restoring_twice_changes_nothing(settings: Settings, values: dict[str, Secret]) -> None:
    restore_env(settings, values, {"LITELLM_API_KEY"})

    assert restore_env(settings, values, {"LITELLM_API_KEY"}) == ()


def test_the_salt_key_is_removed_if_the_backup_has_none(
    settings: Settings, values: dict[str, Secret]
) -> None:
    del values["LITELLM_SALT_KEY"]

    restore_env(settings, values, ())

    assert "LITELLM_SALT_KEY" not in read_env(settings)
    assert effective_salt_key(values) == values["LITELLM_MASTER_KEY"]


@pytest.mark.parametrize("name", ["LITELLM_MASTER_KEY", "LITELLM_SALT_KEY"])
def test_a_secret_that_the_environment_overrides_is_an_error(
    settings: Settings, values: dict[str, Secret], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_not_shadowed(settings, values)
    monkeypatch.setenv(name, values[name].reveal())
    require_not_shadowed(settings, values)
    monkeypatch.setenv(name, "sk-of-the-shell-0123456789")

    with pytest.raises(SettingsProblem, match=name) as raised:
        require_not_shadowed(settings, values)
    assert "sk-of-the-shell" not in str(raised.value)


@pytest.mark.parametrize("content", [b"", b"OTHER=1\n", b"\xff\xfe", b"LITELLM_MASTER_KEY=\n"])
def test_a_backup_without_a_master_key_is_broken(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "backed-up"
    file.write_bytes(content)

    with pytest.raises(BackupBroken):
        read_backup_env(file, tmp_path / "archive")
