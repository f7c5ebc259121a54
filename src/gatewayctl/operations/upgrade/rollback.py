"""The verb rollback: return to the release before the last upgrade, with its database if needed.

An older release does not know the migrations of a newer one. So where the newer one migrated
LiteLLM's database, that is restored from the upgrade's backup; Phoenix's traces stay.

- Checked before anything changes: that there was an upgrade, ports and engine, that the image of
  the older release can be fetched, and that its setting and .env can be written. Where the database
  was migrated: consent, every byte of the upgrade's backup, and the row counts of its dump loaded
  beside the current database. The current data is in a backup of its own then (unless ``backup``
  is off). The database servers are started if they do not run.
- Point of no return: the swap of LiteLLM's database. Without a migration there is none.
- After it can fail: what changes on the machine meanwhile (row counts after the swap, files that
  someone edits), a service that does not start or does not become healthy in time, the
  verification, a declared key that is not created (both exit 7).

Run the same rollback again after a failure or a kill: every step can be repeated.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from gatewayctl.env_file.write import require_writable_env_file
from gatewayctl.errors import (
    ConfirmationRequired,
    FileUnreadable,
    GatewayctlError,
    NothingToRollBack,
    ReleaseMalicious,
    RuntimeUnavailable,
)
from gatewayctl.operations.backup.archive import Manifest, unpack
from gatewayctl.operations.backup.create import backups_folder, start_databases, write_backup
from gatewayctl.operations.backup.disk_space import require_free_space_in
from gatewayctl.operations.backup.swap import stop_services, swap_in
from gatewayctl.operations.backup.verify import drop_on_failure, load_and_compare
from gatewayctl.operations.backup.workdir import open_workdir
from gatewayctl.operations.diagnosis.advisories import find_malicious
from gatewayctl.operations.diagnosis.failure import explain_failures
from gatewayctl.operations.diagnosis.health import ServiceReport
from gatewayctl.operations.keys.create import KeysCreateReport, ensure_declared_keys
from gatewayctl.operations.project.render import render
from gatewayctl.operations.project.snapshot import Project
from gatewayctl.operations.state.exclusive import change_project
from gatewayctl.operations.state.upgrade_journal import Journal, delete_journal, read_journal
from gatewayctl.operations.upgrade.baseline import TABLES, applied_migrations, read_baseline
from gatewayctl.operations.upgrade.setting import find_place, require_revertible, revert_image
from gatewayctl.operations.upgrade.start import (
    change_image,
    check_release_config,
    litellm_database,
    start_and_verify,
)
from gatewayctl.operations.upgrade.verify import UpgradeVerification
from gatewayctl.runtimes.base import Progress
from gatewayctl.runtimes.releases import Release
from gatewayctl.settings.master_key import require_master_key
from gatewayctl.settings.overrides import require_no_overrides


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackPlan:
    """What a rollback would do.

    ``restores``: LiteLLM's database was migrated, so it is restored from ``backup``, written at
    ``at``; None where that is unknown because the database does not run. ``now`` are the current
    row counts by table, ``then`` those of the backup; ``now`` is None where it does not run.
    """

    before: Release
    after: Release
    at: datetime
    backup: Path | None
    restores: bool | None
    now: Mapping[str, int] | None
    then: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackReport:
    """What runs again, with which data.

    ``before`` is the release that ran until now. ``restored``: LiteLLM's database is that of the
    upgrade's ``backup``; ``kept`` is the backup of the previous data, None where it was skipped.
    ``keys`` are the declared ones, created where the older database does not have them.
    """

    project: str
    before: Release
    after: Release
    setting: str
    restored: bool
    backup: Path | None
    kept: Path | None
    restarted: tuple[str, ...]
    services: tuple[ServiceReport, ...]
    keys: KeysCreateReport
    proof: UpgradeVerification
    seconds: float
    warnings: tuple[str, ...] = ()

    @property
    def problem(self) -> GatewayctlError | None:
        """Set where a declared key could not be created."""
        return self.keys.problem


def plan_rollback(project: Project) -> RollbackPlan:
    """Look at what a rollback would do; changes and starts nothing.

    Raises NothingToRollBack, RuntimeUnavailable where the release comes with gatewayctl,
    FileUnreadable where the backup that it needs is missing, and SecretOverridden.
    """
    require_no_overrides(project.settings)
    journal = _require_journal(project)
    releases, database = project.releases, litellm_database(project)
    now: Mapping[str, int] | None = None
    restores: bool | None = None
    if database.shell.is_running():
        found = database.rows()
        now = {table: found.get(table, 0) for table in TABLES}
        restores = _was_migrated(project, journal)
    if restores:
        _require_backup(journal)
    return RollbackPlan(
        before=releases.release(journal.after),
        after=releases.release(journal.before),
        at=journal.at,
        backup=journal.backup,
        restores=restores,
        now=now,
        then={table: journal.rows[table] for table in TABLES if table in journal.rows},
    )


def rollback(
    reload: Callable[[], Project],
    *,
    consented: bool,
    backup: bool = True,
    timeout: float | None = None,
) -> Generator[Progress, None, RollbackReport]:
    """Go back. ``consented``: the operator agreed to lose what was written since the upgrade.

    ``reload`` reads the project's files again; ``timeout`` in seconds. Raises ConfirmationRequired
    where consent turns out to be needed, before anything changes; what a restore and `up` raise,
    and NotVerified.
    """
    began = time.monotonic()
    project = reload()
    settings = project.settings
    require_master_key(settings)
    with (
        change_project(settings, "rollback") as change,
        # Opened even where nothing is restored: a killed rollback may have left secrets in it.
        open_workdir(backups_folder(settings) / ".rollback") as work,
        explain_failures(project.resolved.runtime, settings.state_dir),
    ):
        journal = _require_journal(project)
        change.state = "This run has changed neither the release nor the data."
        yield from _check_way_back(project, journal)
        yield from start_databases(settings, project.resolved)
        restored = _was_migrated(project, journal)
        if restored and not consented:
            raise ConfirmationRequired("LiteLLM's database would be restored from the backup.")
        manifest, kept = None, None
        if restored:
            manifest, kept = yield from _load_backup(project, journal, work, backup=backup)
        change.state = "The rollback is not finished: either release may be running."
        change.way_on = "Finish it: `gatewayctl rollback --yes`."
        if manifest is not None:
            yield from stop_services(project.resolved.runtime)
            database = litellm_database(project)
            yield from swap_in(database, manifest.rows, "as before the upgrade")
        project = yield from change_image(
            reload,
            journal.before,
            lambda settings, image: revert_image(settings, journal.written, image),
        )
        # Not what the upgrade recorded: since then, keys and spend logs may have been deleted.
        before = read_baseline(project.settings, litellm_database(project))
        started, verification = yield from start_and_verify(project, timeout=timeout, before=before)
        keys = yield from ensure_declared_keys(project.settings, project.gateway)
        litellm_database(project).drop("before_restore", "restored")
        delete_journal(settings)
        change.problem = keys.problem
    return RollbackReport(
        project=settings.project_name,
        before=project.releases.release(journal.after),
        after=project.releases.release(journal.before),
        setting=find_place(project.settings),
        restored=restored,
        backup=journal.backup,
        kept=kept,
        restarted=started.restarted,
        services=started.services,
        keys=keys,
        proof=verification,
        seconds=time.monotonic() - began,
        warnings=started.warnings,
    )


def _check_way_back(project: Project, journal: Journal) -> Generator[Progress, None, None]:
    """Check all that can fail after the swap, and fetch the release. Raises what `up` raises."""
    settings = project.settings
    project.resolved.runtime.preflight()
    render(settings, runtime=project.resolved.name)
    # Not prepare(): the image to leave may be in no registry any more.
    yield from project.releases.fetch_release(journal.before)
    yield from check_release_config(project, journal.before)
    require_revertible(settings, journal.written, journal.before)
    require_writable_env_file(settings.env_file)


def _require_journal(project: Project) -> Journal:
    """The upgrade to roll back. Raises NothingToRollBack, RuntimeUnavailable, ReleaseMalicious."""
    journal = read_journal(project.settings)
    if journal is None:
        raise NothingToRollBack("This project has no upgrade that could be rolled back.")
    if not project.releases.selectable:
        file = journal.backup or "FILE"
        raise RuntimeUnavailable(
            "The embedded runtime has only the release that is locked in this gatewayctl.",
            hint=f"Install the previous gatewayctl, then: `gatewayctl restore {file} --yes`.",
        )
    if bad := find_malicious(journal.before):
        raise ReleaseMalicious(
            f"The release before the upgrade, {journal.before}, is known to be malicious: "
            f"{bad.summary} ({bad.id}). Nothing was changed.",
            hint="Fix what stopped the upgrade and run `gatewayctl upgrade` again.",
        )
    return journal


def _was_migrated(project: Project, journal: Journal) -> bool:
    """True when the newer release applied migrations that the older one does not know."""
    return bool(set(applied_migrations(litellm_database(project))) - set(journal.migrations))


def _require_backup(journal: Journal) -> Path:
    if journal.backup is None or not journal.backup.exists():
        reason = "it was skipped" if journal.backup is None else f"{journal.backup} is missing"
        raise FileUnreadable(
            f"LiteLLM's database was migrated, and there is no backup to restore: {reason}.",
            hint="Restore another backup: `gatewayctl restore FILE`; or stay with the new release.",
        )
    return journal.backup


def _load_backup(
    project: Project, journal: Journal, work: Path, *, backup: bool
) -> Generator[Progress, None, tuple[Manifest, Path | None]]:
    """Load the upgrade's backup beside LiteLLM's database; also returns one of the current data."""
    settings, database, kept = project.settings, litellm_database(project), None
    archive = _require_backup(journal)
    require_free_space_in(work, wanted=archive.stat().st_size)
    manifest = unpack(archive, work)
    if backup:
        kept = (yield from write_backup(settings, project.resolved)).file
    with drop_on_failure([database], "restored"):
        yield from load_and_compare(database, manifest.rows, work, "restored")
    return manifest, kept
