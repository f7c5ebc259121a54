"""Which release an upgrade starts from and goes to, or why there is nothing to do.

Owns the decision and its refusals; changes nothing. Must not know how a release is started.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gatewayctl.errors import UpgradeRefused, UpgradeUnfinished
from gatewayctl.operations.project.snapshot import Project
from gatewayctl.operations.state.upgrade_journal import Journal
from gatewayctl.operations.upgrade.setting import find_place
from gatewayctl.operations.upgrade.target import image_for, is_newer, require_safe_release
from gatewayctl.runtimes.releases import Release, Releases


@dataclass(frozen=True, slots=True, kw_only=True)
class UpgradePlan:
    """From which release to which; ``nothing`` is the reason where there is nothing to do.

    ``resumes``: it continues the unfinished upgrade, with the backup that this one wrote.
    """

    before: Release
    after: Release
    nothing: str = ""
    resumes: bool = False
    warnings: tuple[str, ...] = ()


def plan_upgrade(
    project: Project, to: str | None, unfinished: Journal | None, accepted_risks: Sequence[str] = ()
) -> UpgradePlan:
    """Decide. ``unfinished`` is an earlier upgrade that was interrupted or failed.

    ``accepted_risks`` are ids of advisories.

    Raises UpgradeRefused, UpgradeUnfinished, UsageProblem, and SettingsProblem where the setting
    cannot be changed.
    """
    releases = project.releases
    if not releases.selectable:
        return _plan_locked(releases, to, unfinished)
    wanted, running = releases.wanted_release(), releases.running_release()
    find_place(project.settings)
    before = running or wanted
    if unfinished is not None:
        return _plan_resume(project, to, unfinished, accepted_risks)
    target = releases.release(project.settings.pulled_name(image_for(to, before.name)))
    if target.name == before.name == wanted.name:
        return UpgradePlan(before=before, after=before, nothing=_explain_nothing(before, running))
    if to is None and is_newer(before.name, target.name):
        reason = f"LiteLLM {before.version} runs, newer than gatewayctl's default {target.version}"
        return UpgradePlan(before=before, after=before, nothing=reason)
    warnings = require_safe_release(target.name, before.name, accepted_risks)
    return UpgradePlan(before=before, after=target, warnings=warnings)


def _plan_resume(
    project: Project, to: str | None, journal: Journal, accepted_risks: Sequence[str]
) -> UpgradePlan:
    releases, pulled_name = project.releases, project.settings.pulled_name
    if to is not None and pulled_name(image_for(to, journal.before)) != journal.after:
        raise UpgradeUnfinished(
            f"An upgrade from {journal.before} to {journal.after} was started at "
            f"{journal.at:%Y-%m-%d %H:%M} UTC and is not finished."
        )
    # The table of advisories may be newer than the upgrade.
    warnings = require_safe_release(journal.after, journal.before, accepted_risks)
    return UpgradePlan(
        before=releases.release(journal.before),
        after=releases.release(journal.after),
        resumes=True,
        warnings=warnings,
    )


def _plan_locked(releases: Releases, to: str | None, unfinished: Journal | None) -> UpgradePlan:
    """Without images the only release is the one locked in this gatewayctl."""
    wanted, running = releases.wanted_release(), releases.running_release()
    if to is not None and to.removeprefix("v") != wanted.version:
        has = f"LiteLLM {wanted.version}" if wanted.version else "one release of LiteLLM"
        raise UpgradeRefused(
            f"The embedded runtime has {has}, with every package locked in this gatewayctl, "
            f"and not {to}.",
            hint="Install another version of gatewayctl, then run `gatewayctl upgrade`; "
            "or use --runtime docker, where you choose the version.",
        )
    if unfinished is not None and _is_same_upgrade(unfinished, wanted, running):
        before = releases.release(unfinished.before)
        return UpgradePlan(before=before, after=wanted, resumes=True)
    if running is None and unfinished is not None:
        return UpgradePlan(before=releases.release(unfinished.before), after=wanted)
    if running is None or running.name == wanted.name:
        return UpgradePlan(before=wanted, after=wanted, nothing=_explain_nothing(wanted, running))
    return UpgradePlan(before=running, after=wanted)


def _is_same_upgrade(unfinished: Journal, wanted: Release, running: Release | None) -> bool:
    """False where another gatewayctl was used since: its data is not in the backup of then."""
    return unfinished.after == wanted.name and (running is None or running.name == wanted.name)


def _explain_nothing(release: Release, running: Release | None) -> str:
    version = release.version or release.name
    if running is None:
        return f"the stack is down; `gatewayctl up` starts LiteLLM {version}"
    return f"LiteLLM {version} runs already"
