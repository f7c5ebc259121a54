"""Tables that fit 80 columns: plain headers, no borders, ``-`` for missing values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.table import Table
from rich.text import Text

from gatewayctl.output.console import make_printable

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
    text = "-" if value is None or value == "" else make_printable(str(value))
    return Text(text, style=_STYLES.get(text, ""))
