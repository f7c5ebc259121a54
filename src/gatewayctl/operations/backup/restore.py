"""The verb restore: replace the project's data and secrets with those of a backup.

The caller has asked for consent.

- Checked before anything changes: every byte of the file, its project, the environment (a secret
  there must not override the backup's), ports, engine, rendered files and images, free disk space,
  the row counts of both dumps loaded beside the current databases, that LiteLLM's stored
  credentials decrypt with the backup's salt key, and that .env can be replaced by what it will be.
  The current data is in a backup of its own then (unless ``backup`` is off). Before that the
  database servers are started, and a project without gateway.yaml, .env or a file that
  gateway.yaml refers to gets the backup's.
- Point of no return: the services stop, then each database is swapped by renaming, in one
  transaction. The previous one is kept as ``…_before_restore``. From before the first swap until
  .env is written, other verbs that change the stack are refused but down (``restore_unfinished``).
- After it can fail: what changes on the machine meanwhile (row counts after the swap, a disk that
  fills up before .env is written, files that someone edits), a service that does not start or does
  not become healthy in time, a virtual key of the backup that the gateway refuses (exit 7).

No value of the backup's .env is among that: its lines are copied as they are. Run the same restore
again after a failure or a kill: it starts over. The databases from before the first attempt are
dropped only after the gateway accepted a key, or if the backup has none to try.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from gatewayctl.errors import (
    ExternalDatabaseUnusable,
    GatewayctlError,
    NotVerified,
    Refused,
)
from gatewayctl.operations.backup.archive import ENV, Manifest, unpack
from gatewayctl.operations.backup.create import (
    Contents,
    backups_folder,
    count_contents,
    has_user_data,
    start_databases,
    write_backup,
)
from gatewayctl.operations.backup.credentials import (
    CredentialCheck,
)
from gatewayctl.operations.backup.disk_space import require_free_space_in
from gatewayctl.operations.backup.encryption import NO_DECRYPTION, Decryption, is_encrypted
from gatewayctl.operations.backup.env import (
    BackupEnv,
    create_env,
    read_backup_env,
    require_not_shadowed,
    restore_env,
)
from gatewayctl.operations.backup.load import load_beside
from gatewayctl.operations.backup.settings_files import (
    ConfigOutcome,
    RestoredFile,
    restore_settings_files,
)
from gatewayctl.operations.backup.swap import stop_services, swap_in
from gatewayctl.operations.backup.workdir import locate_file, open_workdir
from gatewayctl.operations.diagnosis.health import ServiceReport
from gatewayctl.operations.project.init import ensure_project
from gatewayctl.operations.project.snapshot import Project
from gatewayctl.operations.stack.start import prepare_start, start_stack
from gatewayctl.operations.state import restore_journal, salt_key, upgrade_journal
from gatewayctl.operations.state.exclusive import change_project
from gatewayctl.runtimes.base import Progress, Runtime
from gatewayctl.runtimes.databases import databases
from gatewayctl.runtimes.releases import Releases
from gatewayctl.runtimes.runtime_marker import write_runtime
from gatewayctl.settings.model import Secret, Settings

_UNCHANGED: Final = "The data was not changed."
_STOPPING: Final = "The data was not changed; services may be stopped."
_SWAPPING: Final = (
    "The databases may be those of the backup already, but .env may not: until the restore is "
    "finished, the stack cannot be started."
)
_STARTING: Final = "Data and secrets are those of the backup; services may be stopped."


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreOptions:
    """``force``: allow a backup of another project, or undecryptable credentials.

    ``backup``: back up the current data first. ``timeout`` in seconds.
    """

    decryption: Decryption = NO_DECRYPTION
    force: bool = False
    backup: bool = True
    timeout: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreReport:
    """What was restored and verified.

    ``before`` is the backup of the previous data; None where there was none or it was skipped.
    ``env_changed`` are the changed variables of .env, ``config`` is what was done with
    gateway.yaml, ``files`` with the files that it refers to. ``key`` is the variable of the virtual
    key that was tried; None where .env of the backup has no usable one.
    """

    project: str
    file: Path
    made_at: datetime
    before: Path | None
    contents: Contents
    rows: Mapping[str, int]
    env_changed: tuple[str, ...]
    config: ConfigOutcome
    key: str | None
    key_opens: bool | None
    credential: CredentialCheck
    services: tuple[ServiceReport, ...]
    seconds: float
    files: tuple[RestoredFile, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def problem(self) -> GatewayctlError | None:
        """Set where the gateway refuses a key of the backup."""
        if self.key_opens is not False:
            return None
        return NotVerified(
            f"The gateway refuses {self.key}, a virtual key of the backup.",
            hint="See `gatewayctl logs litellm`, and restore again: the previous data is kept.",
        )


def restore(
    file: Path, options: RestoreOptions, reload: Callable[[], Project]
) -> Generator[Progress, None, RestoreReport]:
    """Restore a backup. ``reload`` reads the project's files again.

    Raises BackupBroken, BackupSealed, BackupForeign, BackupTooNew, RestoreUnproven and DiskFull
    before anything changes, and what `up` raises after.
    """
    began = time.monotonic()
    project = reload()
    archive = locate_file(file)
    _refuse_external_database(project.settings)
    with (
        change_project(project.settings, "restore", archive.name) as change,
        open_workdir(backups_folder(project.settings) / ".restore") as work,
    ):
        unfinished = restore_journal.unfinished_restore(project.settings.state_dir) is not None
        change.state = _SWAPPING if unfinished else _UNCHANGED
        manifest = yield from _unpack(archive, options.decryption, work)
        env = read_backup_env(work / ENV, archive)
        is_new = not project.settings.env_file.exists()
        own = restore_settings_files(project.settings, manifest, work, env, force=options.force)
        require_not_shadowed(project.settings, env.values)
        project = _create_files(project, env, reload, is_new=is_new)
        notes = (yield from prepare_start(project.settings, project.resolved)).warnings
        write_runtime(project.settings.state_dir, project.resolved.name)
        before = yield from _back_up_current(project, backup=options.backup and not is_new)
        loaded = yield from load_beside(project, manifest, env, work, force=options.force)
        change.way_on = f"Finish it: `{_command(archive, options)}`."
        change.state = _SWAPPING if unfinished else _STOPPING
        yield from stop_services(project.resolved.runtime)
        change.state = _SWAPPING
        yield from _swap_databases(project, manifest, archive)
        changed = restore_env(project.settings, env, loaded.known_keys)
        project = reload()
        salt_key.record_salt_key(project.settings, overwrite=True)
        _forget_upgrade(project, archive)
        restore_journal.end(project.settings.state_dir)
        change.state = _STARTING
        yield Progress(subject="secrets", state="ready", detail="in .env as backed up")
        started = yield from start_stack(project, timeout=options.timeout)
        accepted = _accepts_key(project, loaded.usable_keys)
        if accepted is not False:
            yield from _drop_previous(project.resolved.runtime)
        report = RestoreReport(
            project=project.settings.project_name,
            file=archive,
            made_at=manifest.made_at,
            before=before,
            contents=count_contents(manifest.rows),
            rows={name: sum(tables.values()) for name, tables in manifest.rows.items()},
            env_changed=changed,
            config=own.config,
            files=own.files,
            key=next(iter(loaded.usable_keys), None),
            key_opens=accepted,
            credential=loaded.credential,
            services=started.services,
            seconds=time.monotonic() - began,
            warnings=(*notes, *started.warnings),
        )
        change.problem = report.problem
    return report


def _forget_upgrade(project: Project, archive: Path) -> None:
    """Delete what the last upgrade recorded, as far as it describes other data."""
    runtime = project.resolved.runtime
    upgrade_journal.delete_journal_of_other_data(
        project.settings,
        archive,
        can_roll_back=isinstance(runtime, Releases) and runtime.selectable,
    )


def _refuse_external_database(settings: Settings) -> None:
    """Raise ExternalDatabaseUnusable: a restore drops and renames databases."""
    if settings.services.postgres is None:
        return
    variable = settings.services.postgres.url_env
    raise ExternalDatabaseUnusable(
        f"gatewayctl does not restore into a database on a server that others run ({variable}): it"
        " would have to replace it. Nothing was changed.",
        hint="Use that server's own backups; or take LiteLLM's dump out of an unencrypted backup"
        " with `tar -xOf FILE litellm.dump`, and load it yourself with pg_restore.",
    )


def _unpack(
    archive: Path, decryption: Decryption, work: Path
) -> Generator[Progress, None, Manifest]:
    """Decrypt and check the file, and extract its members into ``work``."""
    yield Progress(subject="backup file", state="working", detail="checking")
    plain = archive
    encrypted = is_encrypted(archive)
    # An encrypted one is on the disk twice: decrypted, and unpacked.
    require_free_space_in(work, wanted=archive.stat().st_size * (2 if encrypted else 1))
    if encrypted:
        plain = work / "plain.tar"
        decryption.decrypt(archive, plain)
    manifest = unpack(plain, work)
    detail = f"{manifest.project}, {manifest.made_at:%Y-%m-%d %H:%M:%S} UTC, complete"
    yield Progress(subject="backup file", state="ready", detail=detail)
    return manifest


def _create_files(
    project: Project, env: BackupEnv, reload: Callable[[], Project], *, is_new: bool
) -> Project:
    """Create what the project lacks, from the backup if it is new; returns it loaded again."""
    if is_new:
        create_env(project.settings, env)
    ensure_project(reload().settings, replaces_data=True)
    return reload()


def _back_up_current(project: Project, *, backup: bool) -> Generator[Progress, None, Path | None]:
    """Start the databases, drop what an earlier attempt left, and back up the current data."""
    settings, resolved = project.settings, project.resolved
    yield from start_databases(settings, resolved)
    for database in databases(resolved.runtime):
        database.drop("restored", "scratch", "discarded")
    if not backup or not has_user_data(resolved.runtime):
        return None
    return (yield from write_backup(settings, resolved)).file


def _swap_databases(
    project: Project, manifest: Manifest, archive: Path
) -> Generator[Progress, None, None]:
    # Not earlier: after a failed stop nothing has changed, and the services may be started again.
    restore_journal.begin(project.settings.state_dir, archive)
    for database in databases(project.resolved.runtime):
        if database.name not in manifest.rows:
            continue
        yield from swap_in(database, manifest.rows, "the rows of the backup")


def _command(archive: Path, options: RestoreOptions) -> str:
    """The command that finishes an interrupted restore; a passphrase is read again."""
    words = ["gatewayctl", "restore", shlex.quote(str(archive)), "--yes"]
    if options.decryption.identity is not None:
        words += ["--identity", shlex.quote(str(options.decryption.identity))]
    if options.decryption.passphrase is not None:
        words.append("--passphrase-stdin")
    return " ".join([*words, *(["--force"] if options.force else [])])


def _accepts_key(project: Project, usable: Mapping[str, Secret]) -> bool | None:
    """Whether the gateway accepts a virtual key of the backup; None where there is none."""
    from gatewayctl.gateway.key_probe import probe_key

    for secret in usable.values():
        try:
            probe_key(project.gateway, secret)
        except Refused:
            return False
        return True
    return None


def _drop_previous(runtime: Runtime) -> Generator[Progress, None, None]:
    for database in databases(runtime):
        database.drop("before_restore")
    yield Progress(subject="previous databases", state="ready", detail="dropped")
