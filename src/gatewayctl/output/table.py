"""Tables that fit 80 columns: plain heads, no frames, ``-`` for what is missing."""

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


def make_table(heads: Sequence[str], rows: Iterable[Sequence[object | None]]) -> Table:
    """A table of texts; nothing in it is read as markup, and None is shown as ``-``."""
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for head in heads:
        made.add_column(head, overflow="fold")
    for row in rows:
        made.add_row(*(_cell(value) for value in row))
    return made


def format_duration(seconds: float | None) -> str | None:
    """``9s``, ``4m12s``, ``3h05m``, ``2d4h``; None stays None."""
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
