"""The verb backup: both databases, the secrets and the settings in one file, while all serves.

Each dump and its row counts see one snapshot of its database. Work goes on in a folder of its
own, and the file appears under its name when it is whole. Must not know the file's format.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

from gatewayctl.env_file.write import update_env_file
from gatewayctl.errors import BackupExists, FileUnreadable, FileUnwritable
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
from gatewayctl.operations.backup.verify import verify_loadable
from gatewayctl.operations.backup.workdir import open_workdir
from gatewayctl.operations.project.render import render
from gatewayctl.operations.state.exclusive import change_project
from gatewayctl.runtimes.base import Progress, Runtime
from gatewayctl.runtimes.databases import Database, databases
from gatewayctl.runtimes.registry import ResolvedRuntime
from gatewayctl.settings.master_key import require_master_key
from gatewayctl.settings.model import Settings

_KEYS: Final = "LiteLLM_VerificationToken"
_SPEND: Final = "LiteLLM_SpendLogs"
_LEDGER: Final = "_prisma_migrations"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What people look for in a backup, counted."""

    virtual_keys: int
    spend_logs: int
    traces: int
    spans: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupReport:
    """The file that was written. ``size`` in bytes; ``seconds`` is how long it took."""

    project: str
    file: Path
    size: int
    encrypted: bool
    made_at: datetime
    versions: Mapping[str, str]
    contents: Contents
    seconds: float


def count_contents(rows: Mapping[str, Mapping[str, int]]) -> Contents:
    """The counts that mean something to people."""
    return Contents(
        virtual_keys=rows["litellm"].get(_KEYS, 0),
        spend_logs=rows["litellm"].get(_SPEND, 0),
        traces=rows["phoenix"].get("traces", 0),
        spans=rows["phoenix"].get("spans", 0),
    )


def backup(
    settings: Settings,
    resolved: ResolvedRuntime,
    file: Path | None,
    *,
    seal: Encryption = NO_ENCRYPTION,
) -> Generator[Progress, None, BackupReport]:
    """Write a backup; without ``file`` into the project's own folder for them.

    A stack that does not run is left so. Raises BackupExists before anything is done,
    EnvFileMissing for a project that was never up, FileUnwritable, RuntimeProblem.
    """
    require_master_key(settings)
    seal.check()
    now = datetime.now(UTC)
    target = (file or default_file(settings, now, sealed=seal != NO_ENCRYPTION)).absolute()
    _refuse_existing(target)
    runtime = resolved.runtime
    with change_project(settings, "backup", target.name):
        ran = any(state.state != "stopped" for state in runtime.states())
        try:
            yield from start_databases(settings, resolved)
            report = yield from write_backup(settings, resolved, target, seal=seal, now=now)
        finally:
            if not ran:
                drain(runtime.stop())
    return report


def default_file(settings: Settings, now: datetime, *, sealed: bool = False) -> Path:
    """Where a backup goes when nobody says: named by project and UTC time, and free."""
    stem = f"{settings.project_name}-{now:%Y%m%dT%H%M%SZ}"
    ending = ".gatewayctl-backup.age" if sealed else ".gatewayctl-backup"
    names = (f"{stem}{number}{ending}" for number in ("", *(f"-{n}" for n in range(2, 1000))))
    candidates = (backups_folder(settings) / name for name in names)
    return next(file for file in candidates if not file.exists())


def backups_folder(settings: Settings) -> Path:
    return settings.state_dir / "backups"


def start_databases(
    settings: Settings, resolved: ResolvedRuntime
) -> Generator[Progress, None, None]:
    """See to it that the servers of both databases run, and nothing more."""
    both = databases(resolved.runtime)
    silent = [database for database in both if not database.shell.running()]
    if silent:
        resolved.runtime.preflight()
        render(settings, runtime=resolved.name)
        yield from resolved.runtime.prepare()
    for database in silent:
        subject = f"database {database.name}"
        yield Progress(subject=subject, state="working", detail="starting")
        database.shell.start()
        yield Progress(subject=subject, state="ready", detail="started")
    for database in both:
        # A reset that was killed between dropping and making it.
        if not database.there():
            database.create()


def has_user_data(runtime: Runtime) -> bool:
    """True when there is data somebody might miss: more than tables and their ledger."""
    counted = [database.rows() for database in databases(runtime) if database.there()]
    return any(count for rows in counted for table, count in rows.items() if table != _LEDGER)


def write_backup(
    settings: Settings,
    resolved: ResolvedRuntime,
    target: Path,
    *,
    seal: Encryption = NO_ENCRYPTION,
    now: datetime,
    proven: bool = False,
) -> Generator[Progress, None, BackupReport]:
    """Make the file; the caller holds the project's lock and has the databases running.

    ``proven``: it is also unpacked and loaded into scratch databases. Raises RestoreUnproven, and
    DiskFull while there is still room for those who serve.
    """
    began = time.monotonic()
    with open_workdir(backups_folder(settings) / ".work") as work:
        rows: dict[str, dict[str, int]] = {}
        for database in databases(resolved.runtime):
            rows[database.name] = yield from _dumped(database, work)
        _copy_settings(settings, work)
        manifest = _manifest(settings, resolved, work, rows, now)
        yield Progress(subject="backup file", state="working", detail="packing")
        _packed(target, manifest, work, seal)
        size = target.stat().st_size
        yield Progress(subject="backup file", state="ready", detail=str(target))
        if proven:
            require_free_space_in(work, wanted=size)
            read_back = unpack(target, _made(work / "read-back"))
            yield from verify_loadable(resolved.runtime, read_back.rows, work / "read-back")
    return BackupReport(
        project=settings.project_name,
        file=target,
        size=size,
        encrypted=seal != NO_ENCRYPTION,
        made_at=now,
        versions=manifest.versions,
        contents=count_contents(rows),
        seconds=time.monotonic() - began,
    )


def _dumped(database: Database, folder: Path) -> Generator[Progress, None, dict[str, int]]:
    subject = f"dump of {database.name}"
    yield Progress(subject=subject, state="working", detail="reading")
    require_free_space_in(folder)

    def report_size(written: int) -> tuple[Progress]:
        require_free_space_in(folder)
        return (Progress(subject=subject, state="working", detail=f"{written / 1e6:.1f} MB"),)

    rows = yield from transform(database.dump(folder / f"{database.name}.dump"), report_size)
    detail = f"{sum(rows.values())} rows in {len(rows)} tables"
    yield Progress(subject=subject, state="ready", detail=detail)
    return rows


def _copy_settings(settings: Settings, folder: Path) -> None:
    """.env and gateway.yaml as they are; with the two secrets the data cannot be read without.

    Those may be set in the process's environment alone, which wins over .env.
    """
    for source, name in ((settings.env_file, ENV), (settings.config_file, CONFIG)):
        try:
            (folder / name).write_bytes(source.read_bytes())
            (folder / name).chmod(0o600)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise FileUnreadable(f"Cannot read {source}: {error.strerror}.") from error
    held = {
        "LITELLM_MASTER_KEY": settings.secrets.master_key,
        "LITELLM_SALT_KEY": settings.secrets.salt_key,
    }
    used = {name: secret.reveal() for name, secret in held.items() if secret is not None}
    update_env_file(folder / ENV, used)


def _manifest(
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


def _packed(target: Path, manifest: Manifest, folder: Path, seal: Encryption) -> None:
    """The whole file beside its place, encrypted where that is wanted, then under its name."""
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise FileUnwritable(f"Cannot make {target.parent}: {error.strerror}.") from error
    size = sum(member.size for member in manifest.files.values())
    if target.parent.stat().st_dev == folder.stat().st_dev:
        # A disk that holds nothing living may be filled to its last byte.
        require_free_space_in(folder, wanted=size)
    # In the project's own folder what a kill leaves goes with the work of the next; elsewhere it
    # must be on the disk of its target, and the next backup of that name replaces it.
    ours = target.parent == folder.parent
    partial = folder / "packed" if ours else target.with_name(f".{target.name}.partial")
    try:
        if seal == NO_ENCRYPTION:
            pack(partial, manifest, folder)
        else:
            require_free_space_in(folder, wanted=size)
            pack(folder / "plain.tar", manifest, folder)
            seal.close(folder / "plain.tar", partial)
        publish_file(partial, target)
    finally:
        partial.unlink(missing_ok=True)


def _refuse_existing(target: Path) -> None:
    if target.exists() or target.is_symlink():
        raise BackupExists(f"{target} is there already, and is left as it is.")


def _made(folder: Path) -> Path:
    folder.mkdir(mode=0o700)
    return folder
