"""Which variables of a backup's .env are restored, and which of the current .env stay.

The restored data needs its own master key, salt key and virtual keys, so these are replaced.
Database passwords stay, because the database servers have the current ones. Settings stay, as
gateway.yaml does: the checks before a restore were made with them. So does every other variable
that is set. A project without .env gets the backup's as it is. Every line is copied as it is
written, so no value can be refused. Owns that choice. Must not know databases.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from gatewayctl.env_file.document import EnvDocument
from gatewayctl.env_file.read import read_document
from gatewayctl.env_file.write import copy_env_lines
from gatewayctl.errors import BackupBroken, EnvFileMissing, EnvFileUnreadable, SecretOverridden
from gatewayctl.files.atomic import PRIVATE, write_atomically
from gatewayctl.operations.project.gitignore import ensure_ignored
from gatewayctl.settings.fields import SCALARS
from gatewayctl.settings.model import Secret, Settings
from gatewayctl.settings.overrides import advise_unset

MASTER: Final = "LITELLM_MASTER_KEY"
SALT: Final = "LITELLM_SALT_KEY"
_DATA_SECRETS: Final = (MASTER, SALT)
_KEPT: Final = frozenset(
    (
        *("LITELLM_POSTGRES_PASSWORD", "POSTGRES_PASSWORD", "REDIS_PASSWORD"),
        *(field.env for field in SCALARS),
    )
)
"""Server passwords and settings: never taken from a backup into an existing .env."""
_COMMENT: Final = "Restored from a backup by gatewayctl."


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupEnv:
    """A backup's .env: its text, and the variables that are set."""

    document: EnvDocument = field(repr=False)
    values: Mapping[str, Secret]


def read_backup_env(file: Path, archive: Path) -> BackupEnv:
    """Read a backup's .env. Raises BackupBroken."""
    try:
        document = read_document(file)
    except (EnvFileMissing, EnvFileUnreadable) as error:
        raise BackupBroken(f"{archive}: its .env cannot be read.") from error
    values = {name: Secret(value) for name, value in document.values.items() if value}
    if MASTER not in values:
        raise BackupBroken(f"{archive}: its .env has no {MASTER}.")
    return BackupEnv(document=document, values=values)


def create_env(settings: Settings, backup: BackupEnv) -> None:
    """Give a project without .env that of the backup. Raises FileUnwritable."""
    ensure_ignored(settings.project_dir)
    write_atomically(settings.env_file, backup.document.text.encode(), mode=PRIVATE)


def effective_salt_key(values: Mapping[str, Secret]) -> Secret:
    """The key that LiteLLM encrypts with: the salt key, or without one the master key."""
    return values.get(SALT) or values[MASTER]


def require_not_shadowed(settings: Settings, values: Mapping[str, Secret]) -> None:
    """Raise SecretOverridden where the environment would override a secret of the backup."""
    for name in (*_DATA_SECRETS, *(key.env for key in settings.keys)):
        override, wanted = os.environ.get(name), values.get(name)
        if wanted is None and name not in _DATA_SECRETS:
            continue
        if override and (wanted is None or override != wanted.reveal()):
            raise SecretOverridden(
                f"{name} in the environment differs from the backup and would override .env.",
                hint=advise_unset(name),
            )


def restore_env(
    settings: Settings,
    backup: BackupEnv,
    virtual_keys: Collection[str],
    *,
    dry_run: bool = False,
) -> tuple[str, ...]:
    """Write the secrets of the backup into .env and return the names of changed variables.

    Replaces the master key, the salt key and ``virtual_keys``; adds others only where missing.
    ``dry_run`` checks that it would succeed and changes nothing. Raises EnvFileUnwritable,
    EnvFileUnreadable, and EnvValueUnsafe where the current .env has a line that is not NAME=value.
    """
    own = [name for name in backup.values if name in {*_DATA_SECRETS, *virtual_keys}]
    rest = [name for name in backup.values if name not in _KEPT.union(own)]
    # Without a salt key LiteLLM encrypted with the master key, so .env must not have one either.
    remove = [SALT] if SALT not in backup.values else []
    changed = copy_env_lines(
        settings.env_file,
        backup.document,
        own,
        remove=remove,
        comment=_COMMENT,
        dry_run=dry_run,
    )
    added = copy_env_lines(
        settings.env_file,
        backup.document,
        rest,
        only_missing=True,
        comment=_COMMENT,
        dry_run=dry_run,
    )
    return (*changed.added, *changed.changed, *changed.removed, *added.added, *added.changed)
