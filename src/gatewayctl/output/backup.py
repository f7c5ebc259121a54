"""How backup, restore and reset look: what is kept, what is lost, what was verified.

Owns the wording. Reads reports only.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from gatewayctl.output.stack import services_table

if TYPE_CHECKING:
    from rich.console import RenderableType

    from gatewayctl.operations.backup.create import BackupReport, Contents
    from gatewayctl.operations.backup.loss import Loss
    from gatewayctl.operations.backup.reset import ResetOptions, ResetReport
    from gatewayctl.operations.backup.restore import RestoreReport

_MOST_NAMES: Final = 10
_KEEP: Final = " --keep-keys keeps every virtual key."
_STATES: Final = {
    "restored": "Files written: {}",
    "kept": "Files kept, the same as in the backup: {}",
    "kept_different": "Warning: kept, though different in the backup: {}",
    "outside": "Warning: not written, because a link leads to another place: {}",
}
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
    if report.files:
        yield f"Files of the project in it: {_list_names(report.files)}"
    for warning in report.warnings:
        yield f"Warning: {warning}"
    yield f"Restore with: `gatewayctl restore {shlex.quote(str(report.file))} --yes`"


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
    yield from _render_files(report)
    for warning in report.warnings:
        yield f"Warning: {warning}"
    if report.before is not None:
        yield f"Backup of the previous data: {report.before}"


def _render_files(report: RestoreReport) -> Iterator[str]:
    """What was done with the files that gateway.yaml refers to."""
    by_state = {state: [f.path for f in report.files if f.state == state] for state in _STATES}
    for state, names in by_state.items():
        if names:
            yield _STATES[state].format(_list_names(names))


def describe_loss(lost: Loss, options: ResetOptions) -> str:
    """What a reset loses, for the question before it: with the keys that do not come back."""
    parts = [] if options.keep_keys else [f"all virtual keys{_describe_lost_keys(lost)}"]
    parts.append("all spend of LiteLLM")
    parts += ["all traces in Phoenix"] if options.everything else []
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def _describe_lost_keys(lost: Loss) -> str:
    """Name the keys that a reset does not create again, in parentheses; empty without any."""
    kinds = (
        (lost.foreign_keys, "not created by gatewayctl"),
        (lost.undeclared_keys, "not declared in gateway.yaml"),
    )
    found = [f"{len(names)} {kind}: {_list_names(names)}" for names, kind in kinds if names]
    if lost.keys is None:
        found = ["also those not created by gatewayctl"]
    return f" ({'; '.join(found)})" if found else ""


def _list_names(names: Sequence[str]) -> str:
    rest = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {rest} more" if rest > 0 else "")


def loss_sentence(lost: Loss, options: ResetOptions) -> str:
    """What a reset is about to lose, counted."""
    keys = "an unknown number of" if lost.keys is None else lost.keys
    spend = "unknown" if lost.spend is None else f"${lost.spend:.4f}"
    logs = "" if lost.requests is None else f" over {lost.requests} logged requests"
    size = "" if lost.size is None else f" ({format_size(lost.size)})"
    traces = "all traces" if lost.traces is None else f"{lost.traces} traces"
    of_size = "" if lost.traces_size is None else f" ({format_size(lost.traces_size)})"
    rest = f"spend {spend}{logs}, models added in the UI."
    if options.keep_keys:
        litellm = f"A reset empties LiteLLM's database{size}, but keeps {keys} virtual keys: {rest}"
    else:
        lasting = _describe_lost_keys(lost)
        litellm = f"A reset drops LiteLLM's database{size}: {keys} virtual keys{lasting}, {rest}"
    phoenix = (
        f"Phoenix's database goes too: {traces}{of_size}."
        if options.everything
        else "Traces in Phoenix stay."
    )
    phoenix = " ".join((phoenix, *lost.external))
    backup = "A backup is taken first." if options.backup else "NO backup is taken."
    keep = "" if options.keep_keys or not _describe_lost_keys(lost) else _KEEP
    return f"{litellm} {phoenix} {backup}{keep}"


def render_reset(report: ResetReport) -> Iterator[RenderableType]:
    """The emptied gateway and its new keys."""
    traces = "so was Phoenix's" if report.traces_lost else "traces in Phoenix were kept"
    keys = f", but for {report.keys_kept} virtual keys" if report.keys_kept else ""
    yield f"LiteLLM's database of {report.project} was emptied{keys}; {traces}."
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
