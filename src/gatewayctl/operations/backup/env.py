"""Which lines of a backup's .env come back, and which of the living one stay.

The data cannot be read without its own master key, salt key and virtual keys, so these come
back. Database passwords stay, since the servers know the living ones; so does everything else
that is set. Owns that choice. Must not know databases.
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
_OF_THE_DATA: Final = (MASTER, SALT)
_OF_THE_SERVERS: Final = ("LITELLM_POSTGRES_PASSWORD", "POSTGRES_PASSWORD", "REDIS_PASSWORD")
_COMMENT: Final = "Restored from a backup by gatewayctl."


def read_backup_env(file: Path, archive: Path) -> Mapping[str, Secret]:
    """The variables of a backup's .env that are set. Raises BackupBroken."""
    try:
        found = read_env_file(file)
    except EnvFileUnreadable as error:
        raise BackupBroken(f"{archive}: its .env cannot be read.") from error
    values = {name: Secret(entry.value) for name, entry in found.items() if entry.value}
    if MASTER not in values:
        raise BackupBroken(f"{archive}: its .env has no {MASTER}.")
    return values


def effective_salt_key(values: Mapping[str, Secret]) -> Secret:
    """What LiteLLM encrypts with: the salt key, or where there is none the master key."""
    return values.get(SALT) or values[MASTER]


def require_not_shadowed(settings: Settings, values: Mapping[str, Secret]) -> None:
    """Raise SettingsProblem where the environment would hide a secret that must come back."""
    for name in _OF_THE_DATA:
        outside = os.environ.get(name)
        wanted = values.get(name)
        if outside and (wanted is None or outside != wanted.reveal()):
            raise SettingsProblem(
                f"{name} in the environment is not that of the backup, and would win over .env.",
                hint=f"Unset it: unset {name}.",
            )


def restore_env(
    settings: Settings, values: Mapping[str, Secret], virtual_keys: Collection[str]
) -> tuple[str, ...]:
    """Write the secrets of the backup into .env; returns the names that were changed.

    A value that .env holds and that is neither of the data nor a virtual key stays.
    """
    due = {*_OF_THE_DATA, *virtual_keys}
    # Without a salt key LiteLLM encrypted with the master key: another one must not come in.
    remove = [SALT] if SALT not in values else []
    own = {name: value.reveal() for name, value in values.items() if name in due}
    changed = update_env_file(settings.env_file, own, remove=remove, comment=_COMMENT)
    rest = {
        name: value.reveal()
        for name, value in values.items()
        if name not in due and name not in _OF_THE_SERVERS
    }
    added = update_env_file(settings.env_file, rest, only_missing=True, comment=_COMMENT)
    return (*changed.added, *changed.changed, *changed.removed, *added.added, *added.changed)
