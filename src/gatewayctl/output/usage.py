"""Renders usage by group, and the gaps between spend logs and Phoenix."""

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
    """One line per group, then the total and how recent it is."""
    heads = (report.by.upper(), "REQUESTS", "TOKENS", "COST", "ERRORS", "P50", "P95")
    rows = [_make_cells(row, row.name) for row in report.rows]
    yield make_table(heads, [*rows, _make_cells(report.total, "all")])
    newest = "-" if report.newest is None else f"{report.newest:%Y-%m-%d %H:%M:%S} UTC"
    yield Text(
        f"Since {report.since:%Y-%m-%d %H:%M:%S} UTC. Newest request: {newest}. Requests of the"
        f" last {report.may_lack:g} s may be missing.",
        style="dim",
    )


def _make_cells(row: UsageRow, name: str | None) -> tuple[object, ...]:
    return (
        name,
        row.requests,
        row.total_tokens,
        format_money(row.cost),
        row.errors,
        _format_seconds(row.p50),
        _format_seconds(row.p95),
    )


def _format_seconds(value: float | None) -> str | None:
    return None if value is None else f"{value:.2f}s"


def render_reconcile(report: ReconcileReport) -> Iterable[RenderableType]:
    """The counts, then one line per gap with its full trace id."""
    yield Text(
        f"{report.matched} calls agree in spend logs and Phoenix, {len(report.gaps)} differ,"
        f" {report.pending} are too recent to compare."
    )
    if report.gaps:
        table = make_table(
            ("START", "COMPONENT", "MISSING IN", "TRACE"),
            [
                (
                    None if gap.start is None else f"{gap.start:%m-%d %H:%M:%S}",
                    gap.component,
                    gap.missing_in.replace("_", " ") if gap.missing_in != "neither" else gap.why,
                    gap.trace_id,
                )
                for gap in report.gaps
            ],
        )
        table.columns[-1].no_wrap, table.columns[-1].min_width = True, 32
        yield table
