"""The verb rollback: back to the release of before an upgrade, with its database where needed.

A release does not know what a newer one migrated, so where the newer one did, LiteLLM's database
comes back from the upgrade's backup, and what is there now goes into a backup of its own first.
Phoenix's traces stay. Every step may be repeated: the same command run again ends well.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from gatewayctl.errors import (
    ConfirmationRequired,
    FileUnreadable,
    GatewayctlError,
    NothingToRollBack,
    RuntimeProblem,
    RuntimeUnavailable,
)
from gatewayctl.generators import drain
from gatewayctl.operations.backup.archive import unpack
from gatewayctl.operations.backup.create import (
    backups_folder,
    default_file,
    start_databases,
    write_backup,
)
from gatewayctl.operations.backup.disk_space import require_free_space_in
from gatewayctl.operations.backup.verify import drop_on_failure, load_and_compare
from gatewayctl.operations.backup.workdir import open_workdir
from gatewayctl.operations.diagnosis.failure import explain_failures
from gatewayctl.operations.diagnosis.health import ServiceReport
from gatewayctl.operations.keys.create import KeysCreateReport, ensure_declared_keys
from gatewayctl.operations.project.snapshot import Project
from gatewayctl.operations.state.exclusive import change_project
from gatewayctl.operations.upgrade import journal as journals
from gatewayctl.operations.upgrade.journal import Journal
from gatewayctl.operations.upgrade.setting import find_place, revert_image
from gatewayctl.operations.upgrade.start import litellm_database, require_image, start_and_verify
from gatewayctl.operations.upgrade.verify import TABLES, UpgradeVerification, applied_migrations
from gatewayctl.runtimes.base import Progress
from gatewayctl.runtimes.databases import compare_rows
from gatewayctl.runtimes.releases import Release
from gatewayctl.settings.master_key import require_master_key


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackPlan:
    """What a rollback would do.

    ``restores``: LiteLLM's database comes back from ``backup``, made at ``at``, because it was
    migrated; None where that cannot be seen now. ``now`` are rows of the living database, and
    ``then`` those of the backup, by table; ``now`` is None where it does not run.
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
    """What runs again, and what became of the data.

    ``before`` is what ran until now. ``restored``: LiteLLM's database is that of the upgrade's
    ``backup``; ``kept`` is the backup of what was there instead. ``keys`` are the declared ones,
    made anew where the older database does not know them.
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
        """Set where a declared key could not be made anew."""
        return self.keys.problem


def plan_rollback(project: Project) -> RollbackPlan:
    """Look at what a rollback would do; changes and starts nothing.

    Raises NothingToRollBack, RuntimeUnavailable where releases come with gatewayctl, and
    FileUnreadable where the backup that it needs is gone.
    """
    journal = _journal(project)
    releases, database = project.releases, litellm_database(project)
    now: Mapping[str, int] | None = None
    restores: bool | None = None
    if database.shell.running():
        found = database.rows()
        now = {table: found.get(table, 0) for table in TABLES}
        restores = _migrated(project, journal)
    if restores:
        _require_backup(journal)
    return RollbackPlan(
        before=releases.release(journal.after),
        after=releases.release(journal.before),
        at=journal.at,
        backup=journal.backup,
        restores=restores,
        now=now,
        then=journal.rows,
    )


def rollback(
    afresh: Callable[[], Project],
    *,
    consented: bool,
    backup: bool = True,
    timeout: float = 300,
) -> Generator[Progress, None, RollbackReport]:
    """Go back. ``consented``: the operator knows that data since the upgrade may go.

    Raises ConfirmationRequired where it turns out to be needed, before anything is changed; what
    a restore and a start raise, and NotVerified.
    """
    began = time.monotonic()
    project = afresh()
    settings = project.settings
    require_master_key(settings)
    with (
        change_project(settings, "rollback"),
        # Also where nothing is restored: a rollback that was killed may have left secrets in it.
        open_workdir(backups_folder(settings) / ".rollback") as work,
        explain_failures(project.resolved.runtime),
    ):
        journal = _journal(project)
        find_place(settings)
        yield from start_databases(settings, project.resolved)
        restored = _migrated(project, journal)
        if restored and not consented:
            raise ConfirmationRequired("LiteLLM's database would come back from the backup.")
        kept = None
        if restored:
            kept = yield from _restored(project, journal, work, backup=backup)
        project = yield from _set_back(afresh, journal)
        served = yield from start_and_verify(
            project, timeout=timeout, keys=journal.keys, rows={} if restored else journal.rows
        )
        keys = ensure_declared_keys(project.settings, project.gateway)
        litellm_database(project).drop("before_restore", "restored")
        journals.delete_journal(settings)
    return RollbackReport(
        project=settings.project_name,
        before=project.releases.release(journal.after),
        after=project.releases.release(journal.before),
        setting=find_place(project.settings),
        restored=restored,
        backup=journal.backup,
        kept=kept,
        restarted=served.restarted,
        services=served.services,
        keys=keys,
        proof=served.proof,
        seconds=time.monotonic() - began,
        warnings=served.warnings,
    )


def _journal(project: Project) -> Journal:
    """The upgrade to take back."""
    journal = journals.read_journal(project.settings)
    if journal is None:
        raise NothingToRollBack("No upgrade of this project is known that could be taken back.")
    if not project.releases.selectable:
        file = journal.backup or "FILE"
        raise RuntimeUnavailable(
            "The embedded runtime has the release that this gatewayctl is locked to, and no other.",
            hint=f"Install the gatewayctl of before, then: gatewayctl restore {file} --yes.",
        )
    return journal


def _migrated(project: Project, journal: Journal) -> bool:
    """True when the newer release applied migrations that the older one does not know."""
    return bool(set(applied_migrations(litellm_database(project))) - set(journal.ledger))


def _require_backup(journal: Journal) -> Path:
    if journal.backup is None or not journal.backup.exists():
        missing = "none was made" if journal.backup is None else f"{journal.backup} is gone"
        raise FileUnreadable(
            f"LiteLLM's database was migrated, and there is no backup to go back to: {missing}.",
            hint="Restore another backup: gatewayctl restore FILE; or stay with the new release.",
        )
    return journal.backup


def _restored(
    project: Project, journal: Journal, work: Path, *, backup: bool
) -> Generator[Progress, None, Path | None]:
    """LiteLLM's database as it was before the upgrade; what is there now is kept in a file."""
    settings, runtime = project.settings, project.resolved.runtime
    database, kept = litellm_database(project), None
    archive = _require_backup(journal)
    require_free_space_in(work, wanted=archive.stat().st_size)
    manifest = unpack(archive, work)
    if backup:
        now = datetime.now(UTC)
        target = default_file(settings, now)
        taken = yield from write_backup(settings, project.resolved, target, now=now)
        kept = taken.file
    with drop_on_failure([database], "restored"):
        yield from load_and_compare(database, manifest.rows, work, "restored")
    yield Progress(subject="services", state="working", detail="stopping")
    drain(runtime.stop())
    yield Progress(subject="services", state="stopped")
    yield Progress(subject="swap of litellm", state="working", detail="starting its server")
    database.shell.start()
    database.swap_in()
    if differs := compare_rows(manifest.rows["litellm"], database.rows()):
        raise RuntimeProblem(f"litellm after the swap: {differs}.")
    yield Progress(subject="swap of litellm", state="ready", detail="as before the upgrade")
    return kept


def _set_back(
    afresh: Callable[[], Project], journal: Journal
) -> Generator[Progress, None, Project]:
    project = afresh()
    where = find_place(project.settings)
    said = f"images.litellm is {journal.before}"
    yield Progress(subject=where, state="working", detail=said)
    if project.settings.images.litellm != journal.before:
        revert_image(project.settings, journal.written, journal.before)
    project = afresh()
    require_image(project, journal.before)
    yield Progress(subject=where, state="ready", detail=said)
    return project
