"""The verb upgrade: change the release of LiteLLM, with a backup before and a verification after.

- Checked before anything changes: the release (not older, not known to be vulnerable), that its
  setting can be written, ports and engine, the image, and LiteLLM's own pre-flight with this
  project's configuration and data, as far as the release has one. A backup is written before the
  pre-flight (unless ``backup`` is off); the database servers are started if they do not run.
- Point of no return: there is none, but from the journal on `rollback` is the way back: then the
  setting is changed, and the new release migrates LiteLLM's database when it starts.
- After it can fail: a setting that another one overrides, a service that does not start or does not
  become healthy in time, and the verification: a key or a chat that is refused, lost rows (exit 7).

A failure leaves everything as it is, to look at. Running upgrade again resumes, also after a kill.
The embedded runtime cannot roll back: its way back is the previous gatewayctl and a restore.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from gatewayctl.errors import ImageMissing, PreflightRefused
from gatewayctl.operations.backup.create import start_databases, write_backup
from gatewayctl.operations.diagnosis.failure import explain_failures
from gatewayctl.operations.diagnosis.health import ServiceReport
from gatewayctl.operations.project.snapshot import Project
from gatewayctl.operations.state import upgrade_journal
from gatewayctl.operations.state.exclusive import change_project
from gatewayctl.operations.state.upgrade_journal import Journal, SettingChange
from gatewayctl.operations.upgrade.baseline import baseline_of, read_baseline
from gatewayctl.operations.upgrade.plan import UpgradePlan, plan_upgrade
from gatewayctl.operations.upgrade.setting import (
    find_place,
    plan_change,
    require_settable,
    set_image,
)
from gatewayctl.operations.upgrade.start import (
    change_image,
    check_release_config,
    litellm_database,
    start_and_verify,
)
from gatewayctl.operations.upgrade.verify import UpgradeVerification
from gatewayctl.runtimes.base import Progress
from gatewayctl.runtimes.releases import PreflightCheck, Release, Releases
from gatewayctl.settings.master_key import require_master_key

_UNFINISHED: Final = "The upgrade is not finished: either release may be running."


@dataclass(frozen=True, slots=True, kw_only=True)
class UpgradeOptions:
    """``to``: a version or an image; defaults to the version this gatewayctl was made for.

    ``backup``: back up before the change. ``timeout`` in seconds. ``accepted_risks`` are the ids of
    advisories about the release.
    """

    to: str | None = None
    backup: bool = True
    timeout: float | None = None
    accepted_risks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class UpgradeReport:
    """What ran before, what runs now, and how it was verified.

    ``changed`` is false where there was nothing to do, for the reason ``why``. ``resumed``: an
    unfinished upgrade was continued. ``backup`` is None where it was skipped. ``setting`` is the
    file that sets the release, None where it comes with gatewayctl.
    """

    project: str
    runtime: str
    changed: bool
    why: str
    before: Release
    after: Release
    resumed: bool = False
    backup: Path | None = None
    checks: tuple[PreflightCheck, ...] = ()
    setting: str | None = None
    restarted: tuple[str, ...] = ()
    services: tuple[ServiceReport, ...] = ()
    proof: UpgradeVerification | None = None
    seconds: float
    warnings: tuple[str, ...] = ()


def upgrade(
    options: UpgradeOptions, reload: Callable[[], Project]
) -> Generator[Progress, None, UpgradeReport]:
    """Change the release of LiteLLM. ``reload`` reads the project's files again.

    Raises UpgradeRefused, UpgradeUnfinished, ImageMissing, RegistryUnreachable, PreflightRefused,
    DiskFull and SettingsProblem before anything changes; after that what `up` raises, and
    NotVerified, with the way back as the hint.
    """
    began = time.monotonic()
    project = reload()
    settings, releases = project.settings, project.releases
    require_master_key(settings)
    with change_project(settings, "upgrade", options.to or "") as change:
        journal = upgrade_journal.read_journal(settings)
        if journal is not None and not journal.unfinished:
            journal = None
        plan = plan_upgrade(project, options.to, journal, options.accepted_risks)
        if not plan.resumes:
            journal = None
        report = UpgradeReport(
            project=settings.project_name,
            runtime=project.resolved.name,
            changed=not plan.nothing,
            why=plan.nothing,
            before=plan.before,
            after=plan.after,
            seconds=time.monotonic() - began,
        )
        if plan.nothing:
            return report
        checks: tuple[PreflightCheck, ...] = ()
        change.state = "The release was not changed."
        with explain_failures(project.resolved.runtime, settings.state_dir):
            if journal is not None:
                # Not the first attempt: the release may be changed in part.
                change.state, change.way_on = _UNFINISHED, _explain_way_back(releases, journal)
            project.resolved.runtime.preflight()
            yield from _fetch_release(releases, plan.after)
            if journal is None:
                journal, checks = yield from _prepare(project, plan, options)
            change.state, change.way_on = _UNFINISHED, _explain_way_back(releases, journal)
            place: str | None = None
            if releases.selectable:
                project = yield from change_image(reload, plan.after.name, set_image)
                place = find_place(project.settings)
            journal = upgrade_journal.advance_journal(settings, journal, "starting")
            started, verification = yield from start_and_verify(
                project, timeout=options.timeout, before=baseline_of(journal)
            )
            upgrade_journal.advance_journal(settings, journal, "done")
    return replace(
        report,
        resumed=plan.resumes,
        backup=journal.backup,
        checks=checks,
        setting=place,
        restarted=started.restarted,
        services=started.services,
        proof=verification,
        seconds=time.monotonic() - began,
        warnings=(*plan.warnings, *started.warnings),
    )


def _fetch_release(releases: Releases, after: Release) -> Generator[Progress, None, None]:
    try:
        yield from releases.fetch_release(after.name)
    except ImageMissing as error:
        error.hint = "Choose an existing version: `gatewayctl upgrade --to VERSION`."
        raise


def _prepare(
    project: Project, plan: UpgradePlan, options: UpgradeOptions
) -> Generator[Progress, None, tuple[Journal, tuple[PreflightCheck, ...]]]:
    """Back up, run LiteLLM's pre-flight, and write the journal: the last step before the change."""
    settings, now = project.settings, datetime.now(UTC)
    written = _plan_setting(project, plan)
    yield from start_databases(settings, project.resolved)
    before = read_baseline(settings, litellm_database(project))
    backup = None
    if options.backup:
        backup = (yield from write_backup(settings, project.resolved)).file
    checks = yield from _run_preflight(project, plan)
    yield from check_release_config(project, plan.after.name)
    journal = Journal(
        before=plan.before.name,
        after=plan.after.name,
        at=now,
        backup=backup,
        written=written,
        migrations=before.migrations,
        keys=before.keys,
        rows=before.rows,
        spend_days=before.spend_days,
    )
    upgrade_journal.write_journal(settings, journal)
    return journal, checks


def _plan_setting(project: Project, plan: UpgradePlan) -> SettingChange | None:
    """The coming change of gateway.yaml. Raises SettingsProblem, before the backup takes time."""
    settings = project.settings
    if not project.releases.selectable:
        return None
    require_settable(settings, plan.after.name)
    if find_place(settings) != "gateway.yaml":
        return None
    change = plan_change(settings, plan.after.name)
    # A file that sets another release than the running one is not what a rollback restores.
    return change if settings.images.litellm == plan.before.name else replace(change, before=None)


def _run_preflight(
    project: Project, plan: UpgradePlan
) -> Generator[Progress, None, tuple[PreflightCheck, ...]]:
    """Run LiteLLM's own pre-flight. Raises PreflightRefused with its output."""
    from gatewayctl.rendering.plan import plan_files

    images = replace(project.settings.images, litellm=plan.after.name)
    files = plan_files(replace(project.settings, images=images), runtime=project.resolved.name)
    checks = yield from project.releases.run_preflight(files)
    for check in checks:
        if check.passed is False:
            raise PreflightRefused(
                f"LiteLLM {plan.after.version} refuses this project's {check.name}:\n{check.said}"
            )
    return checks


def _explain_way_back(releases: Releases, journal: Journal) -> str:
    """What to do after a failure or an interruption past the first change."""
    file = "FILE" if journal.backup is None else shlex.quote(str(journal.backup))
    way_back = (
        "Go back with `gatewayctl rollback`."
        if releases.selectable
        else f"Go back: install the previous gatewayctl, then `gatewayctl restore {file} --yes`."
    )
    return f"{way_back} Or fix the cause and run `gatewayctl upgrade` again."
