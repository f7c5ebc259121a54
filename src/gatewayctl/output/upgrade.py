"""How upgrade and rollback look: from which release to which, what was proven, the way back.

Owns the words. Reads reports only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from gatewayctl.output.stack import services_table

if TYPE_CHECKING:
    from rich.console import RenderableType

    from gatewayctl.operations.upgrade.rollback import RollbackPlan, RollbackReport
    from gatewayctl.operations.upgrade.run import UpgradeReport
    from gatewayctl.operations.upgrade.verify import UpgradeVerification
    from gatewayctl.runtimes.releases import PreflightCheck, Release

LOST: Final = "what LiteLLM's database got since the upgrade: keys, spend"
_NOUNS: Final = {
    "LiteLLM_VerificationToken": "virtual keys",
    "LiteLLM_SpendLogs": "logged requests",
}
_PASSED: Final = {True: "passed", False: "refused", None: "not asked"}


def render_upgrade(report: UpgradeReport) -> Iterator[RenderableType]:
    """What runs now and how that is known; or why nothing was done."""
    if not report.changed:
        yield f"Nothing to do: {report.why}."
        return
    resumed = " (gone on with)" if report.resumed else ""
    yield f"LiteLLM of {report.project}: {_change(report.before, report.after)}{resumed}"
    for check in report.checks:
        yield f"  pre-flight of {check.name}: {_checked(check)}"
    if report.proof is not None:
        yield from _proof(report.proof)
    yield services_table(report.services)
    for warning in report.warnings:
        yield f"Warning: {warning}"
    if report.setting is not None:
        yield f"images.litellm is {report.after.name}, in {report.setting}"
    if report.backup is not None:
        yield f"What was there before: {report.backup}"
    if report.setting is not None:
        yield "Back to the version of before with: gatewayctl rollback"


def describe_rollback(found: RollbackPlan) -> str:
    """What a rollback is about to do."""
    change = _change(found.before, found.after)
    if found.restores is False:
        return f"A rollback: {change}. The database was not migrated: all data stays."
    backup = found.backup or "no backup"
    if found.restores is None:
        return (
            f"A rollback: {change}. The database does not run, so it is not known yet whether it "
            f"was migrated; if so, it comes back from {backup}."
        )
    return (
        f"A rollback: {change}. The database was migrated, so it comes back as it was at "
        f"{found.at:%Y-%m-%d %H:%M} UTC: {_counts(found.then)}, instead of {_counts(found.now)}. "
        "Traces in Phoenix stay."
    )


def render_rollback(report: RollbackReport) -> Iterator[RenderableType]:
    """What runs again, and which data it has."""
    yield f"LiteLLM of {report.project}: {_change(report.before, report.after)}"
    if report.restored:
        yield f"Its database is the one of {report.backup}"
    else:
        yield "Its database was not migrated: all data stayed."
    yield from _proof(report.proof)
    yield services_table(report.services)
    for warning in (*report.warnings, *report.keys.warnings):
        yield f"Warning: {warning}"
    for key in report.keys.keys:
        if key.status != "exists":
            yield f"Virtual key {key.alias} {key.status}, in .env as {key.env}"
    yield f"images.litellm is {report.after.name}, in {report.setting}"
    if report.kept is not None:
        yield f"What was there instead: {report.kept}"


def _change(before: Release, after: Release) -> str:
    # The same version from elsewhere: another mirror, another locked environment.
    if before.version == after.version:
        return f"{before.name} -> {after.name}"
    return f"{before.version or before.name} -> {after.version or after.name}"


def _checked(check: PreflightCheck) -> str:
    return f"{_PASSED[check.passed]} ({check.said})" if check.said else _PASSED[check.passed]


def _proof(proof: UpgradeVerification) -> Iterator[str]:
    keys = ", ".join(proof.keys) or "none was known"
    yield f"  virtual keys that open it: {keys}"
    if proof.model is not None:
        yield f"  chat: {proof.model} answers; its trace is {proof.tracing}"
    yield f"  rows: {_counts(proof.rows)}"


def _counts(rows: Mapping[str, int] | None) -> str:
    if rows is None:
        return "-"
    return " and ".join(f"{count} {_NOUNS.get(table, table)}" for table, count in rows.items())
