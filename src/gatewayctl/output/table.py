"""Tables that fit 80 columns: plain headers, no borders, ``-`` for missing values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.table import Table
from rich.text import Text

from gatewayctl.output.console import strip_control

_STYLES = {
    **dict.fromkeys(("healthy", "ok", "exists", "accepted"), "green"),
    **dict.fromkeys(("created", "registered", "replaced", "moved"), "bold green"),
    **dict.fromkeys(("starting", "retiring", "unfinished"), "yellow"),
    **dict.fromkeys(("stopped", "foreign", "not declared"), "dim"),
    **dict.fromkeys(
        ("unhealthy", "failed", "missing", "not in gateway", "not in .env", "other key in .env",
         "expired", "blocked", "differs", "conflict", "OPEN", "not served"),
        "bold red",
    ),
}  # fmt: skip


def make_table(headers: Sequence[str], rows: Iterable[Sequence[object | None]]) -> Table:
    """Create a table of plain text: nothing is parsed as markup, and None is shown as ``-``."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for header in headers:
        table.add_column(header, overflow="fold")
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    return table


def keep_on_one_line(table: Table, *, cut: Sequence[str]) -> None:
    """Print one line per row: in the columns ``cut`` long values end in ``…``, others are kept."""
    for column in table.columns:
        if column.header not in cut:
            column.no_wrap = True
            continue
        # Rich narrows only columns that may wrap, so that is ruled out in their cells.
        for cell in column.cells:
            assert isinstance(cell, Text)  # noqa: S101 - make_table adds nothing else
            cell.no_wrap, cell.overflow = True, "ellipsis"


def format_duration(seconds: float | None) -> str | None:
    """Format seconds as ``9s``, ``4m12s``, ``3h05m`` or ``2d4h``; None stays None."""
    if seconds is None:
        return None
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02}s"
    if whole < 86400:
        return f"{whole // 3600}h{whole % 3600 // 60:02}m"
    return f"{whole // 86400}d{whole % 86400 // 3600}h"


def _cell(value: object | None) -> Text:
    text = "-" if value is None or value == "" else strip_control(str(value))
    return Text(text, style=_STYLES.get(text, ""))
