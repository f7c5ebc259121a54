"""The verb backup: write databases, .env, gateway.yaml and its files to one file, without downtime.

Checked first: the master key, the encryption options, and that the file does not exist yet. Each
dump and its row counts see the same snapshot of its database. Everything is written into a private
working folder, and the file gets its name when it is complete, so a failure or a kill at any moment
leaves no partial backup under that name, and changes nothing else. Must not know the file's format.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

from gatewayctl.env_file.write import update_env_file
from gatewayctl.errors import BackupExists, FileUnreadable, FileUnwritable
from gatewayctl.files.atomic import write_atomically
from gatewayctl.files.folders import WRITE, require_folder
from gatewayctl.files.owner import create_folder
from gatewayctl.generators import drain, transform
from gatewayctl.operations.backup.archive import (
    CONFIG,
    DUMPS,
    ENV,
    Manifest,
    measure_file,
    pack,
    publish_file,
    unpack,
)
from gatewayctl.operations.backup.disk_space import require_free_space_in
from gatewayctl.operations.backup.encryption import NO_ENCRYPTION, Encryption
from gatewayctl.operations.backup.own_files import copy_own_files
from gatewayctl.operations.backup.verify import verify_loadable
from gatewayctl.operations.backup.workdir import locate_file, open_workdir
from gatewayctl.operations.diagnosis.failure import explain_failures
from gatewayctl.operations.project.render import render
from gatewayctl.operations.state.exclusive import change_project
from gatewayctl.runtimes.base import Progress, Runtime
from gatewayctl.runtimes.database import Database
from gatewayctl.runtimes.databases import databases
from gatewayctl.runtimes.registry import ResolvedRuntime
from gatewayctl.settings.master_key import require_master_key
from gatewayctl.settings.model import Settings

_KEYS: Final = "LiteLLM_VerificationToken"
_SPEND_LOGS: Final = "LiteLLM_SpendLogs"
_MIGRATIONS: Final = "_prisma_migrations"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """How much a backup contains of what people look for."""

    virtual_keys: int
    spend_logs: int
    traces: int
    spans: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupReport:
    """The file that was written; ``size`` in bytes, ``seconds`` is the duration.

    ``files`` are the project's own files in it, ``warnings`` name those that are not.
    """

    project: str
    file: Path
    size: int
    encrypted: bool
    made_at: datetime
    versions: Mapping[str, str]
    contents: Contents
    seconds: float
    files: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def count_contents(rows: Mapping[str, Mapping[str, int]]) -> Contents:
    """Pick the counts of ``Contents`` from the row counts of all tables."""
    return Contents(
        virtual_keys=rows["litellm"].get(_KEYS, 0),
        spend_logs=rows["litellm"].get(_SPEND_LOGS, 0),
        traces=rows.get("phoenix", {}).get("traces", 0),
        spans=rows.get("phoenix", {}).get("spans", 0),
    )


def backup(
    settings: Settings,
    resolved: ResolvedRuntime,
    file: Path | None,
    *,
    encryption: Encryption = NO_ENCRYPTION,
) -> Generator[Progress, None, BackupReport]:
    """Write a backup; without ``file`` into the project's backups folder.

    Starts the database servers of a stopped stack, and stops them again. Raises BackupExists and
    UsageProblem before anything is done, EnvFileMissing for a project that was never up,
    FileUnwritable, DiskFull, RuntimeProblem.
    """
    require_master_key(settings)
    encryption.check()
    encrypted = encryption != NO_ENCRYPTION
    for folder in (settings.state_dir, backups_folder(settings)):
        require_folder(folder, access=WRITE)
    target = file or default_file(settings, datetime.now(UTC), encrypted=encrypted)
    require_folder(target.parent, access=WRITE)
    target = locate_file(target)
    _refuse_existing(target)
    runtime = resolved.runtime
    with (
        change_project(settings, "backup", target.name) as change,
        explain_failures(runtime, settings.state_dir),
    ):
        change.state = "No backup was written, and nothing else was changed."
        # Before the databases are started, which would fail on a full disk.
        require_free_space_in(backups_folder(settings))
        was_running = any(state.state != "stopped" for state in runtime.states())
        try:
            yield from start_databases(settings, resolved)
            report = yield from write_backup(settings, resolved, target, encryption=encryption)
            change.state = f"The backup is complete: {target}."
        finally:
            if not was_running:
                drain(runtime.stop())
    return report


def default_file(settings: Settings, now: datetime, *, encrypted: bool = False) -> Path:
    """An unused file in the backups folder, named after the project and the time in UTC."""
    stem = f"{settings.project_name}-{now:%Y%m%dT%H%M%SZ}"
    ending = ".gatewayctl-backup.age" if encrypted else ".gatewayctl-backup"
    names = (f"{stem}{number}{ending}" for number in ("", *(f"-{n}" for n in range(2, 1000))))
    candidates = (backups_folder(settings) / name for name in names)
    return next(file for file in candidates if not file.exists())


def backups_folder(settings: Settings) -> Path:
    return settings.state_dir / "backups"


def start_databases(
    settings: Settings, resolved: ResolvedRuntime
) -> Generator[Progress, None, None]:
    """Start the servers of both databases where they do not run, and no other service."""
    both = databases(resolved.runtime)
    stopped = [database for database in both if not database.shell.is_running()]
    if stopped:
        resolved.runtime.preflight()
        render(settings, runtime=resolved.name)
        yield from resolved.runtime.prepare()
    for database in stopped:
        subject = f"database {database.name}"
        yield Progress(subject=subject, state="working", detail="starting")
        database.shell.start()
        yield Progress(subject=subject, state="ready", detail="started")
    for database in both:
        # A reset that was killed between drop and create leaves the server without it.
        if not database.exists():
            database.create()


def has_user_data(runtime: Runtime) -> bool:
    """True when a table other than LiteLLM's record of migrations has rows."""
    counted = [database.rows() for database in databases(runtime) if database.exists()]
    return any(count for rows in counted for table, count in rows.items() if table != _MIGRATIONS)


def write_backup(
    settings: Settings,
    resolved: ResolvedRuntime,
    target: Path | None = None,
    *,
    encryption: Encryption = NO_ENCRYPTION,
    verify: bool = False,
) -> Generator[Progress, None, BackupReport]:
    """Write the file; the caller holds the project's lock and has the databases running.

    Without ``target`` into the project's backups folder. ``verify``: also unpack the file and load
    it into scratch databases, except on a server that others run. Raises RestoreUnproven, and
    DiskFull while PostgreSQL still has free disk space.
    """
    began, now = time.monotonic(), datetime.now(UTC)
    encrypted = encryption != NO_ENCRYPTION
    target = target or default_file(settings, now, encrypted=encrypted)
    with open_workdir(backups_folder(settings) / ".work") as work:
        rows: dict[str, dict[str, int]] = {}
        for database in databases(resolved.runtime):
            rows[database.name] = yield from _dump(database, work)
        _copy_settings(settings, work)
        own = copy_own_files(settings, work)
        manifest = replace(_describe(settings, resolved, work, rows, now), project_files=own.files)
        yield Progress(subject="backup file", state="working", detail="packing")
        _pack_and_publish(target, manifest, work, encryption)
        size = target.stat().st_size
        yield Progress(subject="backup file", state="ready", detail=str(target))
        if verify:
            require_free_space_in(work, wanted=size)
            unpacked = work / "unpacked"
            unpacked.mkdir(mode=0o700)
            yield from verify_loadable(resolved.runtime, unpack(target, unpacked).rows, unpacked)
    return BackupReport(
        project=settings.project_name,
        file=target,
        size=size,
        encrypted=encrypted,
        made_at=now,
        versions=manifest.versions,
        contents=count_contents(rows),
        seconds=time.monotonic() - began,
        files=tuple(own.files),
        warnings=tuple(own.left_out),
    )


def _dump(database: Database, folder: Path) -> Generator[Progress, None, dict[str, int]]:
    """Dump a database into ``folder``; returns the row count of each table."""
    subject = f"dump of {database.name}"
    yield Progress(subject=subject, state="working", detail="reading")
    require_free_space_in(folder)

    def check_and_report(written: int) -> Iterator[Progress]:
        require_free_space_in(folder)
        yield Progress(subject=subject, state="working", detail=f"{written / 1e6:.1f} MB")

    dumping = database.dump(folder / f"{database.name}.dump")
    rows = yield from transform(dumping, check_and_report)
    detail = f"{sum(rows.values())} rows in {len(rows)} tables"
    yield Progress(subject=subject, state="ready", detail=detail)
    return rows


def _copy_settings(settings: Settings, folder: Path) -> None:
    """Copy .env and gateway.yaml, and set the master key and the salt key that are in use.

    These two may come from the process environment, which overrides .env, and the data cannot be
    read without them.
    """
    for source, name in ((settings.env_file, ENV), (settings.config_file, CONFIG)):
        try:
            content = source.read_bytes()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise FileUnreadable(f"Cannot read {source}: {error.strerror}.") from error
        write_atomically(folder / name, content, mode=0o600)
    secrets = {
        "LITELLM_MASTER_KEY": settings.secrets.master_key,
        "LITELLM_SALT_KEY": settings.secrets.salt_key,
    }
    in_use = {name: secret.reveal() for name, secret in secrets.items() if secret is not None}
    update_env_file(folder / ENV, in_use)


def _describe(
    settings: Settings,
    resolved: ResolvedRuntime,
    folder: Path,
    rows: dict[str, dict[str, int]],
    now: datetime,
) -> Manifest:
    names = [name for name in (*DUMPS, ENV, CONFIG) if (folder / name).exists()]
    states = resolved.runtime.states()
    servers = {f"postgres of {d.name}": d.server_version() for d in databases(resolved.runtime)}
    return Manifest(
        project=settings.project_name,
        runtime=resolved.name,
        made_at=now,
        gatewayctl=version("gatewayctl"),
        versions={s.service: s.version for s in states if s.version} | servers,
        files={name: measure_file(folder / name) for name in names},
        rows=rows,
    )


def _pack_and_publish(
    target: Path, manifest: Manifest, folder: Path, encryption: Encryption
) -> None:
    """Write the complete file beside its place, encrypted if wanted, then give it its name."""
    try:
        create_folder(target.parent, mode=0o700)
    except OSError as error:
        raise FileUnwritable(f"Cannot create {target.parent}: {error.strerror}.") from error
    members = (*manifest.files.values(), *manifest.project_files.values())
    size = sum(member.size for member in members)
    if target.parent.stat().st_dev == folder.stat().st_dev:
        # Another disk may be filled completely: no service of the stack writes there.
        require_free_space_in(folder, wanted=size)
    # In the backups folder, the next verb's working folder clears what a kill left. Elsewhere the
    # partial file must be on the target's disk; the next backup of that name replaces it.
    internal = target.parent == folder.parent
    partial = folder / "packed" if internal else target.with_name(f".{target.name}.partial")
    try:
        if encryption == NO_ENCRYPTION:
            pack(partial, manifest, folder)
        else:
            require_free_space_in(folder, wanted=size)
            pack(folder / "plain.tar", manifest, folder)
            encryption.encrypt(folder / "plain.tar", partial)
        publish_file(partial, target)
    finally:
        partial.unlink(missing_ok=True)


def _refuse_existing(target: Path) -> None:
    if target.exists() or target.is_symlink():
        raise BackupExists(f"{target} exists already; it was not changed.")
