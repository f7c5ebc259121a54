"""Which variables of a backup's .env are restored, and which of the current .env stay.

The restored data needs its own master key, salt key and virtual keys, so these are replaced.
Database passwords stay, because the database servers have the current ones; so does every other
variable that is set. Owns that choice. Must not know databases.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

from gatewayctl.env_file.read import read_env_file
from gatewayctl.env_file.write import update_env_file
from gatewayctl.errors import BackupBroken, EnvFileUnreadable, SettingsProblem
from gatewayctl.settings.model import Secret, Settings

MASTER: Final = "LITELLM_MASTER_KEY"
SALT: Final = "LITELLM_SALT_KEY"
_DATA_SECRETS: Final = (MASTER, SALT)
_SERVER_PASSWORDS: Final = ("LITELLM_POSTGRES_PASSWORD", "POSTGRES_PASSWORD", "REDIS_PASSWORD")
_COMMENT: Final = "Restored from a backup by gatewayctl."


def read_backup_env(file: Path, archive: Path) -> Mapping[str, Secret]:
    """Read the variables of a backup's .env that are set. Raises BackupBroken."""
    try:
        found = read_env_file(file)
    except EnvFileUnreadable as error:
        raise BackupBroken(f"{archive}: its .env cannot be read.") from error
    values = {name: Secret(entry.value) for name, entry in found.items() if entry.value}
    if MASTER not in values:
        raise BackupBroken(f"{archive}: its .env has no {MASTER}.")
    return values


def effective_salt_key(values: Mapping[str, Secret]) -> Secret:
    """The key that LiteLLM encrypts with: the salt key, or without one the master key."""
    return values.get(SALT) or values[MASTER]


def require_not_shadowed(settings: Settings, values: Mapping[str, Secret]) -> None:
    """Raise SettingsProblem where the environment would override a secret of the backup."""
    for name in _DATA_SECRETS:
        override = os.environ.get(name)
        wanted = values.get(name)
        if override and (wanted is None or override != wanted.reveal()):
            raise SettingsProblem(
                f"{name} in the environment differs from the backup and would override .env.",
                hint=f"Unset it: unset {name}.",
            )


def restore_env(
    settings: Settings, values: Mapping[str, Secret], virtual_keys: Collection[str]
) -> tuple[str, ...]:
    """Write the secrets of the backup into .env and return the names of changed variables.

    Replaces the master key, the salt key and ``virtual_keys``; adds others only where missing.
    """
    replaced = {*_DATA_SECRETS, *virtual_keys}
    # Without a salt key LiteLLM encrypted with the master key, so .env must not have one either.
    remove = [SALT] if SALT not in values else []
    own = {name: value.reveal() for name, value in values.items() if name in replaced}
    changed = update_env_file(settings.env_file, own, remove=remove, comment=_COMMENT)
    rest = {
        name: value.reveal()
        for name, value in values.items()
        if name not in replaced and name not in _SERVER_PASSWORDS
    }
    added = update_env_file(settings.env_file, rest, only_missing=True, comment=_COMMENT)
    return (*changed.added, *changed.changed, *changed.removed, *added.added, *added.changed)
