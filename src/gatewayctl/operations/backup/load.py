"""Loading a backup beside the current databases, with all checks that come before the swap.

Owns what of a backup must fit together: rows, secrets, and the project's .env. Changes neither the
current databases nor .env. Must not know what happens next.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path

from gatewayctl.errors import RestoreUnproven
from gatewayctl.operations.backup.archive import Manifest
from gatewayctl.operations.backup.credentials import (
    CredentialCheck,
    check_stored_credential,
    find_known_keys,
)
from gatewayctl.operations.backup.env import BackupEnv, effective_salt_key, restore_env
from gatewayctl.operations.backup.verify import drop_on_failure, load_and_compare
from gatewayctl.operations.project.snapshot import Project
from gatewayctl.runtimes.base import Progress
from gatewayctl.runtimes.database import Database
from gatewayctl.runtimes.databases import databases
from gatewayctl.settings.model import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedBackup:
    """Which values of the backup's .env are keys of the loaded database, and a credential check."""

    known_keys: Mapping[str, Secret]
    usable_keys: Mapping[str, Secret]
    credential: CredentialCheck


def load_beside(
    project: Project, manifest: Manifest, env: BackupEnv, work: Path, *, force: bool
) -> Generator[Progress, None, LoadedBackup]:
    """Load the dumps beside the current databases, and check them against the secrets.

    Last that .env can be written: after the swap it must be.
    """
    both = databases(project.resolved.runtime)
    with drop_on_failure(both, "restored"):
        for database in both:
            if database.name not in manifest.rows:
                # The backup of a project without a Phoenix of its own.
                continue
            yield from load_and_compare(database, manifest.rows, work, "restored")
        loaded = yield from _check_secrets(both[0], env.values, force=force)
        restore_env(project.settings, env, loaded.known_keys, dry_run=True)
    return loaded


def _check_secrets(
    litellm: Database, values: Mapping[str, Secret], *, force: bool
) -> Generator[Progress, None, LoadedBackup]:
    """Check the loaded database of LiteLLM. Raises RestoreUnproven."""
    credential = check_stored_credential(litellm, "restored", effective_salt_key(values))
    if credential == "not_decrypted" and not force:
        raise RestoreUnproven(
            "LiteLLM's stored credentials cannot be decrypted with the salt key of the backup.",
            hint="Use another backup, or --force to restore it without those credentials.",
        )
    yield Progress(subject="stored credential", state="ready", detail=credential.replace("_", " "))
    return LoadedBackup(
        known_keys=find_known_keys(litellm, "restored", values),
        usable_keys=find_known_keys(litellm, "restored", values, usable=True),
        credential=credential,
    )
