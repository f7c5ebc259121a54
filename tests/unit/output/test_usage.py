from __future__ import annotations

import io
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from gatewayctl.operations.traces.show import SpanRow, TraceShowReport
from gatewayctl.operations.traces.spend_log_times import DataReplacement
from gatewayctl.operations.usage.comparison import Gap
from gatewayctl.operations.usage.reconcile import GapGroup, KnownDifference, ReconcileReport
from gatewayctl.operations.usage.summary import UsageReport, UsageRow
from gatewayctl.output.console import Console
from gatewayctl.output.traces import render_show
from gatewayctl.output.usage import render_reconcile, render_usage

if TYPE_CHECKING:
    from rich.console import RenderableType

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
LONG = "a-component-with-a-very-long-name/and-an-operation-too"


def show(renderables: Iterable[RenderableType], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The lines on a terminal of 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")
    stream = io.StringIO()
    Console(stdout=stream).result(renderables)
    lines = stream.getvalue().rstrip("\n").split("\n")
    assert max(map(len, lines)) <= 80
    return [line.rstrip() for line in lines]


def usage_row(p50: float | None) -> UsageRow:
    return UsageRow(
        name="shop",
        requests=1,
        errors=0,
        prompt_tokens=1,
        completion_tokens=1,
        total_tokens=2,
        cost=None,
        p50=p50,
        p95=p50,
    )


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.0004, "0.4 ms"), (0.048, "48 ms"), (0.9994, "999 ms"), (0.9996, "1.00 s"),
     (1.234, "1.23 s"), (12.34, "12.3 s"), (140.4, "140 s"), (None, "-")],
)  # fmt: skip
def test_times_are_shown_with_a_useful_precision(
    seconds: float | None, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = UsageReport(
        by="component",
        since=NOW,
        until=NOW,
        newest=NOW,
        may_lack=15,
        rows=(usage_row(seconds),),
        total=usage_row(seconds),
    )

    lines = show(render_usage(report), monkeypatch)

    assert lines[1].split()[5:] == [*shown.split(), *shown.split()]


def test_gaps_are_one_line_each_on_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    gap = Gap(
        missing_in="spend_logs",
        call_id="1",
        trace_id="t" * 32,
        component=LONG,
        model=None,
        start=NOW,
        why="",
    )
    report = ReconcileReport(
        since=NOW,
        until=NOW,
        replaced=DataReplacement(verb="reset", at=NOW),
        matched=6000,
        pending=12,
        refused=2,
        differing=300,
        groups=(GapGroup(day="2026-11-23", component="shop", missing_in="spend_logs", calls=300),),
        known=(KnownDifference(cause="same_response_id", calls=1),),
        gaps=(gap,) * 20,
    )

    lines = show(render_reconcile(report), monkeypatch)

    assert lines[:6] == [
        "6000 calls in spend logs and Phoenix, 300 differ, 12 too recent to compare.",
        "Counted from 2026-11-23 12:00:00 UTC: the spend logs were replaced by reset.",
        "Known: 1 call has the response id of another: LiteLLM keeps one spend log",
        "Known: 2 failed requests without a span, refused before they reached a model",
        "DAY         COMPONENT  CALLS  DIFFERENCE",
        "2026-11-23  shop       300    no spend log",
    ]
    assert lines[7] == "Newest 20 of 300:"
    assert len(lines) == 9 + 20
    assert all("t" * 32 in line for line in lines[9:])


def test_a_long_summary_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    group = GapGroup(day="2026-11-23", component="shop", missing_in="phoenix", calls=1)
    report = ReconcileReport(
        since=NOW,
        until=NOW,
        replaced=None,
        matched=1,
        pending=0,
        refused=0,
        differing=900,
        groups=(group,) * 900,
        known=(),
        gaps=(),
    )

    lines = show(render_reconcile(report), monkeypatch)

    assert len(lines) == 2 + 20 + 1
    assert lines[-1] == "and 880 more lines; see --json"


def test_a_span_is_one_line_on_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    span = SpanRow(
        depth=3,
        name=f"chat {LONG}",
        span_id="1",
        parent_id=None,
        orphan=False,
        kind="LLM",
        service="litellm",
        component=LONG,
        operation="chat",
        model="demo",
        tokens=12345,
        cost=0.000123,
        offset_ms=0,
        duration_ms=1234.5,
        status="OK",
        error=None,
    )
    report = TraceShowReport(
        trace_id="t" * 32,
        start=NOW,
        duration_ms=1234.5,
        calls=1,
        tokens=12345,
        cost=0.000123,
        url="http://127.0.0.1:6006/redirects/traces/t",
        spans=(span, span),
    )

    lines = show(render_show(report), monkeypatch)

    # Two lines of totals, the header, and the address.
    assert len(lines) == 4 + 2
    assert lines[3].split()[-4:] == ["12345", "$0.000123", "1234", "█" * 8]
