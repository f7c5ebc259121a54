"""The verb restore: a backup becomes the project's data again, proven before and after.

check the file → copies beside the living databases → counts and salt key → stop → swap by
renaming → secrets → start → one virtual key opens → old databases dropped. Until the swap nothing
is touched. Killed anywhere, the same command begins anew and ends well: the swap of a database is
one transaction, and what was living before the first attempt is kept until a restore is proven.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from gatewayctl.errors import (
    BackupForeign,
    GatewayctlError,
    NotVerified,
    Refused,
    RestoreUnproven,
    RuntimeProblem,
)
from gatewayctl.operations.backup.archive import CONFIG, ENV, Manifest, unpack
from gatewayctl.operations.backup.create import (
    Contents,
    backups_folder,
    count_contents,
    default_file,
    has_user_data,
    start_databases,
    write_backup,
)
from gatewayctl.operations.backup.credentials import (
    CredentialCheck,
    check_stored_credential,
    find_known_keys,
    find_usable_keys,
)
from gatewayctl.operations.backup.disk_space import require_free_space_in
from gatewayctl.operations.backup.encryption import NO_DECRYPTION, Decryption, is_encrypted
from gatewayctl.operations.backup.env import (
    effective_salt_key,
    read_backup_env,
    require_not_shadowed,
    restore_env,
)
from gatewayctl.operations.backup.verify import drop_on_failure, load_and_compare
from gatewayctl.operations.backup.workdir import open_workdir
from gatewayctl.operations.diagnosis.health import ServiceReport
from gatewayctl.operations.project.init import ensure_project
from gatewayctl.operations.project.render import render
from gatewayctl.operations.project.snapshot import Project
from gatewayctl.operations.stack.apps import start_apps
from gatewayctl.operations.stack.wait import wait_ready
from gatewayctl.operations.state import restore_journal, salt_key
from gatewayctl.operations.state.exclusive import change_project
from gatewayctl.rendering.atomic import write_atomically
from gatewayctl.runtimes.base import Progress, Runtime
from gatewayctl.runtimes.databases import Database, compare_rows, databases
from gatewayctl.runtimes.runtime_marker import write_runtime
from gatewayctl.settings.model import Secret, Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreOptions:
    """How the operator wants it; ``timeout`` in seconds.

    ``force`` also restores what is of another project or what cannot be proven to decrypt;
    ``backup`` keeps what is there now in a backup of its own first.
    """

    opener: Decryption = NO_DECRYPTION
    force: bool = False
    backup: bool = True
    timeout: float = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreReport:
    """What is there now, and what was proven.

    ``before`` is the backup of what was there until now; None where nothing was. ``env_changed``
    are names in .env, ``config`` what became of gateway.yaml. ``key`` is the variable of the
    virtual key that opened the gateway; None where .env of the backup holds none that is usable.
    """

    project: str
    file: Path
    made_at: datetime
    before: Path | None
    contents: Contents
    rows: Mapping[str, int]
    env_changed: tuple[str, ...]
    config: str
    key: str | None
    key_opens: bool | None
    credential: CredentialCheck
    services: tuple[ServiceReport, ...]
    seconds: float
    warnings: tuple[str, ...] = ()

    @property
    def problem(self) -> GatewayctlError | None:
        """Set where the gateway does not take a key of the backup."""
        if self.key_opens is not False:
            return None
        return NotVerified(
            f"The gateway refuses {self.key}, a virtual key of the backup.",
            hint="See `gatewayctl logs litellm`, and restore again: what was there before is kept.",
        )


def restore(
    file: Path, options: RestoreOptions, afresh: Callable[[], Project]
) -> Generator[Progress, None, RestoreReport]:
    """Restore a backup. The caller has asked for consent.

    ``afresh`` reads the project's files anew. Raises BackupBroken, BackupSealed, BackupForeign,
    BackupTooNew, RestoreUnproven before anything is touched, and what a start raises after.
    """
    began = time.monotonic()
    project = afresh()
    archive = file.absolute()
    with (
        change_project(project.settings, "restore", archive.name) as audit,
        open_workdir(backups_folder(project.settings) / ".restore") as work,
    ):
        manifest = yield from _checked(archive, options, work)
        values = read_backup_env(work / ENV, archive)
        was_there = project.settings.env_file.exists()
        config = _config(project.settings, manifest, work, options)
        require_not_shadowed(project.settings, values)
        ensure_project(afresh().settings)
        project = afresh()
        before = yield from _before(project, options, was_there=was_there)
        found = yield from _copied(project.resolved.runtime, manifest, values, work, options)
        yield from _swapped(project, manifest, archive)
        changed = restore_env(project.settings, values, found.virtual_keys)
        project = afresh()
        salt_key.record_salt_key(project.settings, overwrite=True)
        restore_journal.end(project.settings)
        yield Progress(subject="secrets", state="ready", detail="in .env as backed up")
        services = yield from _started(project, options)
        opened = _opened(project, found.usable)
        if opened is not False:
            yield from _settled(project.resolved.runtime)
        report = RestoreReport(
            project=project.settings.project_name,
            file=archive,
            made_at=manifest.made_at,
            before=before,
            contents=count_contents(manifest.rows),
            rows={name: sum(tables.values()) for name, tables in manifest.rows.items()},
            env_changed=changed,
            config=config,
            key=next(iter(found.usable), None),
            key_opens=opened,
            credential=found.credential,
            services=services,
            seconds=time.monotonic() - began,
        )
        audit.problem = report.problem
    return report


def _checked(
    archive: Path, options: RestoreOptions, work: Path
) -> Generator[Progress, None, Manifest]:
    """The files of the backup in ``work``, every byte of them checked."""
    yield Progress(subject="backup file", state="working", detail="checking")
    plain = archive
    sealed = is_encrypted(archive)
    # Opened it is as large as it was, and unpacked once more.
    require_free_space_in(work, wanted=archive.stat().st_size * (2 if sealed else 1))
    if sealed:
        plain = work / "plain.tar"
        options.opener.open(archive, plain)
    manifest = unpack(plain, work)
    detail = f"{manifest.project}, {manifest.made_at:%Y-%m-%d %H:%M:%S} UTC, whole"
    yield Progress(subject="backup file", state="ready", detail=detail)
    return manifest


def _config(settings: Settings, manifest: Manifest, work: Path, options: RestoreOptions) -> str:
    """gateway.yaml comes back only where there is none; a project's own is never replaced."""
    has = settings.config_file.exists()
    new = not has and not settings.env_file.exists()
    backed_up_too = (work / CONFIG).exists()
    ours = manifest.project == settings.project_name or (new and backed_up_too)
    if not ours and not options.force:
        raise BackupForeign(
            f"The backup is of the project {manifest.project!r}, "
            f"and this one is {settings.project_name!r}."
        )
    if not backed_up_too:
        return "kept" if has else "none"
    content = (work / CONFIG).read_bytes()
    if has:
        return "kept" if settings.config_file.read_bytes() == content else "differs, kept"
    write_atomically(settings.config_file, content)
    return "restored"


def _before(
    project: Project, options: RestoreOptions, *, was_there: bool
) -> Generator[Progress, None, Path | None]:
    """The servers run, and what is in them now is in a backup of its own, if there is anything."""
    runtime = project.resolved.runtime
    write_runtime(project.settings.state_dir, project.resolved.name)
    yield from start_databases(project.settings, project.resolved)
    for database in databases(runtime):
        database.drop("restored", "scratch", "discarded")
    if not (was_there and options.backup) or not has_user_data(runtime):
        return None
    now = datetime.now(UTC)
    target = default_file(project.settings, now)
    report = yield from write_backup(project.settings, project.resolved, target, now=now)
    return report.file


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """What the copies are proven to hold."""

    virtual_keys: frozenset[str]
    usable: Mapping[str, Secret]
    credential: CredentialCheck


def _copied(
    runtime: Runtime,
    manifest: Manifest,
    values: Mapping[str, Secret],
    work: Path,
    options: RestoreOptions,
) -> Generator[Progress, None, _Found]:
    """Both dumps beside the living databases, counted, and one secret of them opened."""
    both = databases(runtime)
    with drop_on_failure(both, "restored"):
        for database in both:
            yield from load_and_compare(database, manifest.rows, work, "restored")
        return (yield from _proven(both[0], values, options))


def _proven(
    litellm: Database, values: Mapping[str, Secret], options: RestoreOptions
) -> Generator[Progress, None, _Found]:
    """What the copy of LiteLLM's database holds. Raises RestoreUnproven."""
    credential = check_stored_credential(litellm, "restored", effective_salt_key(values))
    if credential == "not decrypted" and not options.force:
        raise RestoreUnproven(
            "What LiteLLM stored encrypted does not open with the salt key of the backup.",
            hint="Use another backup, or --force to restore it without those credentials.",
        )
    yield Progress(subject="stored credential", state="ready", detail=credential)
    return _Found(
        virtual_keys=frozenset(find_known_keys(litellm, "restored", values)),
        usable=find_usable_keys(litellm, "restored", values),
        credential=credential,
    )


def _swapped(
    project: Project, manifest: Manifest, archive: Path
) -> Generator[Progress, None, None]:
    """Everything stopped but the servers; the copies become the living, counted once more."""
    runtime = project.resolved.runtime
    yield Progress(subject="services", state="working", detail="stopping")
    for _ in runtime.stop():
        pass
    yield Progress(subject="services", state="stopped")
    # Not earlier: what could not be stopped is as it was, and may be started again.
    restore_journal.begin(project.settings, archive)
    for database in databases(runtime):
        subject = f"swap of {database.name}"
        yield Progress(subject=subject, state="working", detail="starting its server")
        database.shell.start()
        yield Progress(subject=subject, state="working", detail="renaming")
        database.swap_in()
        if differs := compare_rows(manifest.rows[database.name], database.rows()):
            raise RuntimeProblem(f"{database.name} after the swap: {differs}.")
        yield Progress(subject=subject, state="ready", detail="the rows of the backup")


def _started(
    project: Project, options: RestoreOptions
) -> Generator[Progress, None, tuple[ServiceReport, ...]]:
    settings, runtime, http = project.settings, project.resolved.runtime, project.gateway.http
    render(settings, runtime=project.resolved.name)
    yield from runtime.start()
    services = yield from wait_ready(settings, runtime, http, timeout=options.timeout)
    apps = yield from start_apps(settings, runtime, http, timeout=options.timeout)
    return (*services, *apps.services)


def _opened(project: Project, usable: Mapping[str, Secret]) -> bool | None:
    """Whether the gateway takes a virtual key of the backup; None where there is none."""
    from gatewayctl.gateway.key_proof import probe_key

    for secret in usable.values():
        try:
            probe_key(project.gateway, secret)
        except Refused:
            return False
        return True
    return None


def _settled(runtime: Runtime) -> Generator[Progress, None, None]:
    """It is proven: what was there before the restore goes."""
    for database in databases(runtime):
        database.drop("before_restore")
    yield Progress(subject="databases of before", state="ready", detail="dropped")
