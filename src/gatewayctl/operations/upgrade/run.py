"""The verb upgrade: another release of LiteLLM, with a backup before and a proof after.

what runs, what then → image here → backup → LiteLLM's own pre-flight → journal → the setting →
start → ready → proof. Until the journal nothing is changed. From then on a failure leaves
everything as it is, for looking; upgrade again goes on, and rollback goes back.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from gatewayctl.errors import GatewayctlError, ImageMissing, PreflightRefused
from gatewayctl.operations.backup.create import default_file, start_databases, write_backup
from gatewayctl.operations.diagnosis.failure import explain_failures
from gatewayctl.operations.diagnosis.health import ServiceReport
from gatewayctl.operations.project.snapshot import Project
from gatewayctl.operations.state.exclusive import change_project
from gatewayctl.operations.upgrade import journal as journals
from gatewayctl.operations.upgrade.journal import Journal
from gatewayctl.operations.upgrade.plan import UpgradePlan, plan_upgrade
from gatewayctl.operations.upgrade.setting import SettingChange, find_place, plan_change, set_image
from gatewayctl.operations.upgrade.start import (
    StartedRelease,
    litellm_database,
    require_image,
    start_and_verify,
)
from gatewayctl.operations.upgrade.verify import UpgradeVerification, read_baseline
from gatewayctl.runtimes.base import Progress
from gatewayctl.runtimes.releases import PreflightCheck, Release, Releases
from gatewayctl.settings.master_key import require_master_key
from gatewayctl.settings.model import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class UpgradeOptions:
    """How the operator wants it; ``timeout`` in seconds.

    ``to``: a version or an image; without it the version this gatewayctl was made for.
    """

    to: str | None = None
    backup: bool = True
    timeout: float = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class UpgradeReport:
    """What ran, what runs now, and what was proven of it.

    ``changed`` is false where there was nothing to do; ``why`` says so then. ``resumed``: an
    upgrade that was interrupted was gone on with. ``backup`` is None where none was wanted.
    ``setting`` is the file that names the release, None where it comes with gatewayctl.
    """

    project: str
    runtime: str
    changed: bool
    why: str
    before: Release
    after: Release
    resumed: bool
    backup: Path | None
    checks: tuple[PreflightCheck, ...]
    setting: str | None
    restarted: tuple[str, ...]
    services: tuple[ServiceReport, ...]
    proof: UpgradeVerification | None
    seconds: float
    warnings: tuple[str, ...] = ()


def upgrade(
    options: UpgradeOptions, afresh: Callable[[], Project]
) -> Generator[Progress, None, UpgradeReport]:
    """Change the release of LiteLLM. ``afresh`` reads the project's files anew.

    Raises UpgradeRefused, UpgradeUnfinished, ImageMissing, RegistryUnreachable, PreflightRefused
    and SettingsProblem before anything is changed; then what a start raises, and NotVerified,
    with the way back as the hint.
    """
    began = time.monotonic()
    project = afresh()
    settings, releases = project.settings, project.releases
    require_master_key(settings)
    with change_project(settings, "upgrade", options.to or ""):
        known = journals.read_journal(settings)
        journal = known if known is not None and known.unfinished else None
        resumed = journal is not None
        plan = plan_upgrade(project, options.to, journal)
        if plan.nothing:
            return _nothing(project, plan, began)
        checks: tuple[PreflightCheck, ...] = ()
        with explain_failures(project.resolved.runtime):
            project.resolved.runtime.preflight()
            yield from _here(releases, plan.after)
            if journal is None:
                journal, checks = yield from _prepared(project, plan, options)
        with _way_back(releases), explain_failures(project.resolved.runtime):
            project = yield from _set(afresh, plan)
            journal = journals.advance_journal(settings, journal, "starting")
            served = yield from start_and_verify(
                project, timeout=options.timeout, keys=journal.keys, rows=journal.rows
            )
        journals.advance_journal(settings, journal, "done")
    return _done(project, plan, served, checks, journal.backup, resumed, began)


def _here(releases: Releases, after: Release) -> Generator[Progress, None, None]:
    try:
        yield from releases.fetch_release(after.name)
    except ImageMissing as error:
        error.hint = "Name a version that exists: gatewayctl upgrade --to VERSION."
        raise


def _prepared(
    project: Project, plan: UpgradePlan, options: UpgradeOptions
) -> Generator[Progress, None, tuple[Journal, tuple[PreflightCheck, ...]]]:
    """All that can be done before anything is changed, and the journal of what comes."""
    settings, now = project.settings, datetime.now(UTC)
    written = _written(project, plan)
    yield from start_databases(settings, project.resolved)
    before = read_baseline(settings, litellm_database(project))
    backup = None
    if options.backup:
        taken = yield from write_backup(
            settings, project.resolved, default_file(settings, now), now=now
        )
        backup = taken.file
    checks = yield from _rehearsed(project, plan)
    journal = Journal(
        before=plan.before.name,
        after=plan.after.name,
        at=now,
        backup=backup,
        written=written,
        ledger=before.ledger,
        keys=before.keys,
        rows=before.rows,
    )
    journals.write_journal(settings, journal)
    return journal, checks


def _written(project: Project, plan: UpgradePlan) -> SettingChange | None:
    """The coming change of gateway.yaml: one that cannot be made is told before the long part."""
    settings = project.settings
    if not project.releases.selectable or find_place(settings) != "gateway.yaml":
        return None
    coming = plan_change(settings, plan.after.name)
    # A file that names another release than the one that runs is no way back.
    return coming if settings.images.litellm == plan.before.name else replace(coming, before=None)


def _rehearsed(
    project: Project, plan: UpgradePlan
) -> Generator[Progress, None, tuple[PreflightCheck, ...]]:
    """LiteLLM's own pre-flight. Raises PreflightRefused with its words."""
    from gatewayctl.rendering.plan import plan_files

    coming = with_image(project.settings, plan.after.name)
    files = plan_files(coming, runtime=project.resolved.name)
    checks = yield from project.releases.run_preflight(files)
    for check in checks:
        if check.passed is False:
            raise PreflightRefused(
                f"LiteLLM {plan.after.version} refuses this project's {check.name}:\n{check.said}"
            )
    return checks


def _set(afresh: Callable[[], Project], plan: UpgradePlan) -> Generator[Progress, None, Project]:
    """The release in the file that rules it, where there is one."""
    project = afresh()
    if not project.releases.selectable:
        return project
    where = find_place(project.settings)
    said = f"images.litellm is {plan.after.name}"
    yield Progress(subject=where, state="working", detail=said)
    set_image(project.settings, plan.after.name)
    project = afresh()
    require_image(project, plan.after.name)
    yield Progress(subject=where, state="ready", detail=said)
    return project


def with_image(settings: Settings, image: str) -> Settings:
    """The settings as they will be."""
    return replace(settings, images=replace(settings.images, litellm=image))


@contextmanager
def _way_back(releases: Releases) -> Iterator[None]:
    """From here on something is changed: each failure says how it is taken back."""
    try:
        yield
    except GatewayctlError as error:
        back = (
            "Go back with `gatewayctl rollback`."
            if releases.selectable
            else "Go back with the gatewayctl of before, then `gatewayctl restore FILE --yes`."
        )
        error.hint = f"{back} Or correct it and run `gatewayctl upgrade` again: {error.hint}"
        raise


def _nothing(project: Project, plan: UpgradePlan, began: float) -> UpgradeReport:
    return UpgradeReport(
        project=project.settings.project_name,
        runtime=project.resolved.name,
        changed=False,
        why=plan.nothing,
        before=plan.before,
        after=plan.after,
        resumed=False,
        backup=None,
        checks=(),
        setting=None,
        restarted=(),
        services=(),
        proof=None,
        seconds=time.monotonic() - began,
    )


def _done(
    project: Project,
    plan: UpgradePlan,
    served: StartedRelease,
    checks: tuple[PreflightCheck, ...],
    backup: Path | None,
    resumed: bool,
    began: float,
) -> UpgradeReport:
    return UpgradeReport(
        project=project.settings.project_name,
        runtime=project.resolved.name,
        changed=True,
        why="",
        before=plan.before,
        after=plan.after,
        resumed=resumed,
        backup=backup,
        checks=checks,
        setting=find_place(project.settings) if project.releases.selectable else None,
        restarted=served.restarted,
        services=served.services,
        proof=served.proof,
        seconds=time.monotonic() - began,
        warnings=(*plan.warnings, *served.warnings),
    )
