"""Usage as it is shown: a line a group, the sum, how fresh it is; and the gaps of two ledgers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.text import Text

from gatewayctl.operations.usage.reconcile import ReconcileReport
from gatewayctl.operations.usage.summary import UsageReport, UsageRow
from gatewayctl.output.table import make_table
from gatewayctl.output.traces import format_money

if TYPE_CHECKING:
    from rich.console import RenderableType


def render_usage(report: UsageReport) -> Iterable[RenderableType]:
    """A line a group, then all together."""
    heads = (report.by.upper(), "REQUESTS", "TOKENS", "COST", "ERRORS", "P50", "P95")
    rows = [_line(row, row.name) for row in report.rows]
    yield make_table(heads, [*rows, _line(report.total, "all")])
    newest = "-" if report.newest is None else f"{report.newest:%Y-%m-%d %H:%M:%S} UTC"
    yield Text(
        f"Since {report.since:%Y-%m-%d %H:%M:%S} UTC; newest request {newest}; LiteLLM may"
        f" still be writing those of the last {report.may_lack:g} s.",
        style="dim",
    )


def _line(row: UsageRow, name: str | None) -> tuple[object, ...]:
    return (
        name,
        row.requests,
        row.total_tokens,
        format_money(row.cost),
        row.errors,
        _seconds(row.p50),
        _seconds(row.p95),
    )


def _seconds(value: float | None) -> str | None:
    return None if value is None else f"{value:.2f}s"


def render_reconcile(report: ReconcileReport) -> Iterable[RenderableType]:
    """The counts, then a line a gap with its trace id whole."""
    yield Text(
        f"{report.matched} calls are the same in both ledgers, {len(report.gaps)} are not,"
        f" {report.pending} are too young to say."
    )
    if report.gaps:
        made = make_table(
            ("START", "COMPONENT", "MISSING IN", "TRACE"),
            [
                (
                    None if gap.start is None else f"{gap.start:%m-%d %H:%M:%S}",
                    gap.component,
                    gap.missing_in if gap.missing_in != "neither" else gap.why,
                    gap.trace_id,
                )
                for gap in report.gaps
            ],
        )
        made.columns[-1].no_wrap, made.columns[-1].min_width = True, 32
        yield made
