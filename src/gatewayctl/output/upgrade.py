"""How upgrade, rollback and images pin look: which release, what was verified, the way back.

Owns the wording. Reads reports only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from gatewayctl.output.console import strip_control
from gatewayctl.output.stack import services_table

if TYPE_CHECKING:
    from rich.console import RenderableType

    from gatewayctl.operations.upgrade.pin import PinnedImage, PinReport
    from gatewayctl.operations.upgrade.rollback import RollbackPlan, RollbackReport
    from gatewayctl.operations.upgrade.run import UpgradeReport
    from gatewayctl.operations.upgrade.verify import UpgradeVerification
    from gatewayctl.runtimes.releases import PreflightCheck, Release

LOST: Final = "keys and spend that LiteLLM stored since the upgrade"
_NOUNS: Final = {
    "LiteLLM_VerificationToken": "virtual keys",
    "LiteLLM_SpendLogs": "logged requests",
}
_PASSED: Final = {True: "passed", False: "refused", None: "not run"}


def render_upgrade(report: UpgradeReport) -> Iterator[RenderableType]:
    """What runs now and how it was verified, or why nothing was done."""
    if not report.changed:
        yield f"Nothing to do: {report.why}."
        return
    resumed = " (resumed)" if report.resumed else ""
    yield f"LiteLLM of {report.project}: {_change(report.before, report.after)}{resumed}"
    for check in report.checks:
        yield f"  pre-flight of {check.name}: {_describe_check(check)}"
    if report.proof is not None:
        yield from _render_verification(report.proof)
    yield services_table(report.services)
    for warning in report.warnings:
        yield f"Warning: {warning}"
    if report.setting is not None:
        yield f"images.litellm is {report.after.name}, in {report.setting}"
    if report.backup is not None:
        yield f"Backup of the previous data: {report.backup}"
    if report.setting is not None:
        yield "Go back with: `gatewayctl rollback`"


def describe_rollback(found: RollbackPlan) -> str:
    """What a rollback is about to do."""
    change = _change(found.before, found.after)
    if found.restores is False:
        return f"Rollback: {change}. The database was not migrated: all data stays."
    if found.restores is None:
        backup = found.backup or "no backup"
        return (
            f"Rollback: {change}. The database does not run, so it is not known yet whether it "
            f"was migrated; if so, it is restored from {backup}."
        )
    return (
        f"Rollback: {change}. The database was migrated, so it is restored as it was at "
        f"{found.at:%Y-%m-%d %H:%M} UTC: {_format_counts(found.then)}, "
        f"instead of {_format_counts(found.now)}. Traces in Phoenix stay."
    )


def render_rollback(report: RollbackReport) -> Iterator[RenderableType]:
    """What runs again, and with which data."""
    yield f"LiteLLM of {report.project}: {_change(report.before, report.after)}"
    if report.restored:
        yield f"Its database was restored from {report.backup}"
    else:
        yield "Its database was not migrated: all data was kept."
    yield from _render_verification(report.proof)
    yield services_table(report.services)
    for warning in (*report.warnings, *report.keys.warnings):
        yield f"Warning: {warning}"
    for key in report.keys.keys:
        if key.status != "exists":
            yield f"Virtual key {key.alias} {key.status}, in .env as {key.env}"
    yield f"images.litellm is {report.after.name}, in {report.setting}"
    if report.kept is not None:
        yield f"Backup of the previous data: {report.kept}"


def _change(before: Release, after: Release) -> str:
    # The same version from another mirror, or another locked environment.
    if before.version == after.version:
        return f"{before.name} -> {after.name}"
    return f"{before.version or before.name} -> {after.version or after.name}"


def _describe_check(check: PreflightCheck) -> str:
    return f"{_PASSED[check.passed]} ({check.said})" if check.said else _PASSED[check.passed]


def _render_verification(found: UpgradeVerification) -> Iterator[str]:
    yield f"  accepted virtual keys: {', '.join(found.keys) or 'none to try'}"
    if found.model is not None:
        yield f"  chat: {found.model} answers; its trace is {found.tracing}"
    yield f"  rows: {_format_counts(found.rows)}"


def _format_counts(rows: Mapping[str, int] | None) -> str:
    if rows is None:
        return "-"
    return " and ".join(f"{count} {_NOUNS.get(table, table)}" for table, count in rows.items())


def render_pin(report: PinReport) -> Iterator[str]:
    """One line per image, LiteLLM's signature, and what to do next."""
    for image in report.images:
        file = f"pinned in {image.file}" if image.before != image.after else "has a digest already"
        yield f"{image.setting}: {image.after} ({file})"
        if image.setting == "images.litellm":
            yield f"  signature {_describe_signature(image)}"
    if report.changed:
        yield "Apply it: `gatewayctl up`"
    else:
        yield "Nothing to do: every image has a digest."


def _describe_signature(image: PinnedImage) -> str:
    said = strip_control(image.signature.said)
    return f"verified: {said}" if image.signature.verified else f"not checked: {said}"
