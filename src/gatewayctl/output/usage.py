"""Renders usage by group, and the gaps between spend logs and Phoenix."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from rich.text import Text

from gatewayctl.operations.usage.reconcile import ReconcileReport
from gatewayctl.operations.usage.summary import UsageReport, UsageRow
from gatewayctl.output.table import keep_on_one_line, make_table
from gatewayctl.output.wording import count, format_money

if TYPE_CHECKING:
    from rich.console import RenderableType


_GROUPS: Final = 20
"""Lines of the summary; most days have a few."""
_DIFFERENCES: Final = {
    "phoenix": "no span",
    "spend_logs": "no spend log",
    "neither": "other tokens",
}
_KNOWN: Final = {
    "failed_call_tokens": (
        "failed call has tokens in the spend log only: LiteLLM's estimate",
        "failed calls have tokens in the spend log only: LiteLLM's estimate",
    ),
    "no_model_span": (
        "fixed answer outside of completions, which LiteLLM does not trace",
        "fixed answers outside of completions, which LiteLLM does not trace",
    ),
    "same_response_id": (
        "call has the response id of another: LiteLLM keeps one spend log",
        "calls have the response id of another: LiteLLM keeps one spend log",
    ),
    "not_sampled": (
        "call is not traced: out of the sample, or its client asks for no spans",
        "calls are not traced: out of the sample, or their clients ask for no spans",
    ),
    "cached": (
        "call was answered from LiteLLM's cache, without a provider",
        "calls were answered from LiteLLM's cache, without a provider",
    ),
    "guardrail_blocked": (
        "request was blocked by a guardrail before it reached a model",
        "requests were blocked by a guardrail before they reached a model",
    ),
}
_REFUSED: Final = (
    "failed request without a span, refused before it reached a model",
    "failed requests without a span, refused before they reached a model",
)


def render_usage(report: UsageReport) -> Iterable[RenderableType]:
    """One line per group, then the total and how recent it is."""
    heads = (report.by.upper(), "REQUESTS", "TOKENS", "COST", "ERRORS", "P50", "P95")
    rows = [_make_cells(row, row.name) for row in report.rows]
    yield make_table(heads, [*rows, _make_cells(report.total, "all")])
    if ways := _describe_ways(report.total):
        yield Text(ways)
    if report.kept_since is not None:
        kept = f"{report.kept_since:%Y-%m-%d %H:%M:%S}"
        yield Text(f"Requests before {kept} UTC are missing: their spend logs are deleted.")
    newest = "-" if report.newest is None else f"{report.newest:%Y-%m-%d %H:%M:%S} UTC"
    yield Text(
        f"Since {report.since:%Y-%m-%d %H:%M:%S} UTC. Newest request: {newest}.\n"
        f"Requests of the last {report.may_lack:g} s may be missing.",
        style="dim",
    )


def _describe_ways(total: UsageRow) -> str:
    """How LiteLLM got the answers; empty if each was one call of the model that was asked."""
    counted = (
        (total.cached, "answered from the cache"),
        (total.retries, "retried"),
        (total.fallbacks, "answered by a fallback"),
        (total.blocked, "blocked by a guardrail"),
    )
    found = ", ".join(f"{number} {how}" for number, how in counted if number)
    return f"Of these requests: {found}." if found else ""


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
    """Format two or three digits: ``0.4 ms``, ``48 ms``, ``1.48 s``, ``12.3 s``, ``140 s``."""
    if value is None:
        return None
    if value < 0.9995:
        return f"{value * 1000:.{1 if value < 0.00995 else 0}f} ms"
    return f"{value:.{2 if value < 9.995 else 1 if value < 99.95 else 0}f} s"


def render_reconcile(report: ReconcileReport) -> Iterable[RenderableType]:
    """The counts, one line per known difference, the gaps by day and component, the newest gaps."""
    differ = "differs" if report.differing == 1 else "differ"
    yield Text(
        f"{count(report.matched, 'call')} in spend logs and Phoenix,"
        f" {report.differing} {differ}, {report.pending} too recent to compare."
    )
    if report.replaced is not None:
        yield Text(
            f"Counted from {report.since:%Y-%m-%d %H:%M:%S} UTC:"
            f" the spend logs were replaced by {report.replaced.verb}.",
            style="dim",
        )
    if report.retained:
        yield Text(
            f"Counted from {report.since:%Y-%m-%d %H:%M:%S} UTC: what is older is deleted"
            " (retention).",
            style="dim",
        )
    known = [(_KNOWN[each.cause], each.calls) for each in report.known]
    if report.refused:
        known.append((_REFUSED, report.refused))
    for (one, many), calls in known:
        yield Text(f"Known: {calls} {one if calls == 1 else many}", style="dim")
    if not report.gaps and not report.groups:
        return
    yield make_table(
        ("DAY", "COMPONENT", "CALLS", "DIFFERENCE"),
        [
            (each.day, each.component, each.calls, _DIFFERENCES[each.missing_in])
            for each in report.groups[:_GROUPS]
        ],
    )
    if len(report.groups) > _GROUPS:
        yield Text(f"and {len(report.groups) - _GROUPS} more lines; see --json", style="dim")
    if report.gaps:
        yield Text(f"\nNewest {len(report.gaps)} of {report.differing}:")
        table = make_table(
            ("START", "COMPONENT", "DIFFERENCE", "TRACE"),
            [
                (
                    None if gap.start is None else f"{gap.start:%m-%d %H:%M:%S}",
                    gap.component,
                    _DIFFERENCES[gap.missing_in],
                    gap.trace_id,
                )
                for gap in report.gaps
            ],
        )
        keep_on_one_line(table, cut=("COMPONENT",))
        yield table
