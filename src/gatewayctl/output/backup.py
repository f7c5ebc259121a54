"""How backup, restore and reset look: what is kept, what is lost, what was verified.

Owns the wording. Reads reports only.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from gatewayctl.output.stack import services_table

if TYPE_CHECKING:
    from rich.console import RenderableType

    from gatewayctl.operations.backup.create import BackupReport, Contents
    from gatewayctl.operations.backup.reset import Loss, ResetReport
    from gatewayctl.operations.backup.restore import RestoreReport

_UNITS: Final = ("bytes", "kB", "MB", "GB", "TB")


def format_size(count: int | None) -> str:
    """Format bytes, such as ``1.2 MB``; ``-`` where they are unknown."""
    if count is None:
        return "-"
    size = float(count)
    for unit in _UNITS:
        if size < 1000 or unit == _UNITS[-1]:
            break
        size /= 1000
    return f"{count} bytes" if unit == "bytes" else f"{size:.1f} {unit}"


def render_backup(report: BackupReport) -> Iterator[str]:
    """The file, its contents, and how to restore it."""
    yield f"Backup of {report.project}: {_format_contents(report.contents)}"
    kind = "encrypted" if report.encrypted else "mode 0600, holds secrets"
    yield f"{format_size(report.size)} in {report.seconds:.1f} s ({kind}):"
    yield str(report.file)
    yield "Restore with: gatewayctl restore FILE --yes"


def render_restore(report: RestoreReport) -> Iterator[RenderableType]:
    """What was restored, how it was verified, and where the previous data is."""
    yield f"Restored {report.project} as it was at {report.made_at:%Y-%m-%d %H:%M:%S} UTC:"
    yield f"  {_format_contents(report.contents)}"
    rows = ", ".join(f"{count} in {name}" for name, count in report.rows.items())
    yield f"  rows: {rows}, every table as backed up"
    if report.key is None:
        yield "  virtual key: the backup's .env has no usable one"
    else:
        result = "accepted by the gateway" if report.key_opens else "refused"
        yield f"  virtual key: {report.key} {result}"
    yield f"  stored credentials: {report.credential.replace('_', ' ')}"
    yield services_table(report.services)
    if report.env_changed:
        yield f"Changed in .env: {', '.join(report.env_changed)}"
    if report.config == "kept_different":
        yield "Warning: gateway.yaml differs from the backup's, and was kept."
    for warning in report.warnings:
        yield f"Warning: {warning}"
    if report.before is not None:
        yield f"Backup of the previous data: {report.before}"


def describe_loss(*, everything: bool) -> str:
    """What a reset loses, for the question before it."""
    return "all virtual keys and all spend of LiteLLM" + (
        ", and all traces in Phoenix" if everything else ""
    )


def loss_sentence(lost: Loss, *, everything: bool = False, kept: bool = True) -> str:
    """What a reset is about to lose, counted."""
    keys = "an unknown number of" if lost.keys is None else lost.keys
    spend = "unknown" if lost.spend is None else f"${lost.spend:.4f}"
    logs = "" if lost.requests is None else f" over {lost.requests} logged requests"
    size = "" if lost.size is None else f" ({format_size(lost.size)})"
    traces = "all traces" if lost.traces is None else f"{lost.traces} traces"
    of_size = "" if lost.traces_size is None else f" ({format_size(lost.traces_size)})"
    phoenix = (
        f"Phoenix's database goes too: {traces}{of_size}."
        if everything
        else "Traces in Phoenix stay."
    )
    return (
        f"A reset drops LiteLLM's database{size}: {keys} virtual keys, spend {spend}{logs}, "
        f"models added in the UI. {phoenix}"
        + (" A backup is taken first." if kept else " NO backup is taken.")
    )


def render_reset(report: ResetReport) -> Iterator[RenderableType]:
    """The emptied gateway and its new keys."""
    traces = "so was Phoenix's" if report.traces_lost else "traces in Phoenix were kept"
    yield f"LiteLLM's database of {report.project} was emptied; {traces}."
    yield services_table(report.services)
    for warning in (*report.warnings, *report.keys.warnings):
        yield f"Warning: {warning}"
    for key in report.keys.keys:
        yield f"Virtual key {key.alias} {key.status}, in .env as {key.env}"
    if report.backup is not None:
        yield f"Backup of the previous data: {report.backup}"
    if any(key.written for key in report.keys.keys):
        yield "Next: restart your applications, so that they read their new key."


def _format_contents(found: Contents) -> str:
    return (
        f"{found.virtual_keys} virtual keys, {found.spend_logs} logged requests, "
        f"{found.traces} traces with {found.spans} spans"
    )
