"""The audit log as it is shown: a line a verb, newest last."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.text import Text

from gatewayctl.operations.state.audit import AuditEntry, AuditReport
from gatewayctl.output.table import make_table
from gatewayctl.output.wording import format_duration

if TYPE_CHECKING:
    from rich.console import RenderableType


def render_audit(report: AuditReport) -> Iterable[RenderableType]:
    """When, who, what, how it ended and why, how long it took."""
    if not report.entries:
        yield Text("Nothing has changed this project yet.")
        return
    yield make_table(
        ("WHEN (UTC)", "USER", "VERB", "OUTCOME", "TOOK"),
        [
            (
                f"{entry.at:%Y-%m-%d %H:%M:%S}",
                entry.user,
                entry.verb if entry.subject is None else f"{entry.verb} {entry.subject}",
                _describe_outcome(entry),
                format_duration(entry.seconds),
            )
            for entry in report.entries
        ],
    )
    if report.unreadable:
        yield Text(f"{report.unreadable} lines of {report.file} cannot be read.", style="dim")


def _describe_outcome(entry: AuditEntry) -> str:
    is_known = entry.code is None or entry.code == entry.outcome
    return entry.outcome if is_known else f"{entry.outcome}: {entry.code}"
