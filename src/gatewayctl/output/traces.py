"""Renders traces: a tree of spans, a list of calls, a verification with its checks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from rich.text import Text

from gatewayctl.output.console import make_printable
from gatewayctl.output.table import keep_on_one_line, make_table
from gatewayctl.output.wording import count, describe_verdict, format_money

if TYPE_CHECKING:
    from rich.console import RenderableType

    from gatewayctl.operations.traces.list import CallRow, TraceListReport
    from gatewayctl.operations.traces.show import SpanRow, TraceShowReport
    from gatewayctl.operations.traces.verification import TraceVerification

_BAR: Final = 8
_LONGEST: Final = 32
"""Characters of a column: those of a trace id."""
_STATE: Final = {"passed": "green", "failed": "bold red", "unknown": "yellow"}


def render_show(report: TraceShowReport) -> Iterable[RenderableType]:
    """The totals of the trace, then one line per span and per error."""
    facts = [
        f"{report.start:%Y-%m-%d %H:%M:%S} UTC",
        f"{report.duration_ms:.0f} ms",
        count(report.calls, "model call"),
        f"{'-' if report.tokens is None else report.tokens} tokens",
        format_money(report.cost),
    ]
    yield Text(f"trace {report.trace_id}\n{' · '.join(facts)}")
    # LiteLLM names a model span after its model.
    heads = ("SPAN", "COMPONENT", "TOKENS", "COST", "MS", "TIME")
    table = make_table(heads, [_make_cells(row, report.duration_ms) for row in report.spans])
    keep_on_one_line(table, cut=("SPAN", "COMPONENT"))
    yield table
    for row in report.spans:
        if row.error is not None:
            yield Text(f"error in {row.name}: {make_printable(row.error)}", style="red")
        if row.orphan:
            yield Text(f"orphan: the parent of {row.name} is not in the trace", style="yellow")
    yield report.url


def _make_cells(row: SpanRow, total: float) -> tuple[object, ...]:
    component = "/".join(part for part in (row.component, row.operation) if part)
    mark = "! " if row.error else ""
    service = f" ({row.service})" if row.service and row.depth < 3 else ""
    return (
        f"{' ' * row.depth}{mark}{row.name}{service}",
        component,
        row.tokens,
        None if row.cost is None else format_money(row.cost),
        f"{row.duration_ms:.0f}",
        _draw_bar(row.offset_ms, row.duration_ms, total),
    )


def _draw_bar(offset: float, length: float, total: float) -> str:
    """The position of the span in the trace, as ``_BAR`` characters."""
    scale = _BAR / total if total > 0 else 0
    start = min(int(offset * scale), _BAR - 1)
    filled = max(1, min(round(length * scale), _BAR - start))
    return "·" * start + "█" * filled + "·" * (_BAR - start - filled)


def render_list(report: TraceListReport) -> Iterable[RenderableType]:
    """One line per model call, and below the calls of each trace its full id, to be copied.

    The id is in the widest column: with a column of its own it would not fit into 80 characters.
    """
    if not report.calls:
        yield Text("No calls.")
        return
    rows: list[tuple[object | None, ...]] = []
    newest = report.calls[0].start.date()
    for row, after in zip(report.calls, [*report.calls[1:], None], strict=True):
        same_day = row.start.date() == newest
        rows.append(
            (
                f"{row.start:%H:%M:%S}" if same_day else f"{row.start:%m-%d %H:%M}",
                _shorten("/".join(part for part in (row.component, row.operation) if part)),
                _name_model(row),
                row.tokens,
                f"{row.duration_ms:.0f}",
                "cached" if row.cached else "retried" if row.retried else row.status,
            )
        )
        if after is None or after.trace_id != row.trace_id:
            rows.append((" ", row.trace_id, " ", " ", " ", " "))
    table = make_table(("START", "COMPONENT, TRACE", "MODEL", "TOKENS", "MS", "STATUS"), rows)
    table.columns[0].no_wrap = True
    table.columns[1].no_wrap, table.columns[1].min_width = True, _LONGEST
    yield table
    yield from (f"Warning: {make_printable(warning)}" for warning in report.warnings)


def _name_model(row: CallRow) -> str:
    """The model group that answered, and the one that was asked if it fell back."""
    asked = f" for {row.asked}" if row.asked else ""
    return _shorten(f"{row.model or ''}{asked}")


def _shorten(text: str) -> str:
    """At most the characters of a trace id: a client may send a name of any length."""
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def render_verify(report: TraceVerification) -> Iterable[RenderableType]:
    """The verdict, then each check."""
    yield Text(
        f"trace {report.trace_id}: {describe_verdict(report)}"
        f" ({count(report.spans, 'span')}, {count(report.calls, 'model call')})",
        style="bold",
    )
    for check in report.checks if report.known else ():
        text = Text(f"  {check.name:<22} ")
        text.append(check.state, style=_STATE.get(check.state, ""))
        if check.detail and check.state != "passed":
            text.append(f"  {make_printable(check.detail)}")
        yield text
