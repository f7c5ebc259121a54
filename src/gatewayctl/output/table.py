"""Tables that fit 80 columns: plain headers, no borders, ``-`` for missing values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from gatewayctl.output.console import make_printable

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

_GAP: Final = 2
"""Blanks between two columns."""
_STYLES = {
    **dict.fromkeys(("healthy", "ok", "exists", "accepted"), "green"),
    **dict.fromkeys(("created", "registered", "replaced", "moved"), "bold green"),
    **dict.fromkeys(("starting", "retiring", "unfinished"), "yellow"),
    **dict.fromkeys(("stopped", "foreign", "not declared"), "dim"),
    **dict.fromkeys(
        ("unhealthy", "failed", "missing", "not in gateway", "not in .env", "other key in .env",
         "expired", "blocked", "differs", "conflict", "OPEN", "not served", "no provider key"),
        "bold red",
    ),
}  # fmt: skip


class FittedTable(Table):
    """A table that is made narrower at its widest columns, and between words while it can be.

    Rich narrows all columns alike, and breaks dates and names where a sentence had room to wrap.
    """

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        # A column that must not wrap is a layout of its own.
        if not any(column.no_wrap for column in self.columns):
            self._fit(options.max_width)
        yield from super().__rich_console__(console, options)

    def _fit(self, total: int) -> None:
        lines = [
            [Text(str(column.header)), *(cell for cell in column.cells if isinstance(cell, Text))]
            for column in self.columns
        ]
        widths = [max(cell.cell_len for cell in cells) for cells in lines]
        # The first column names the row.
        words = [widths[0], *(max(map(_longest_word, cells)) for cells in lines[1:])]
        excess = sum(widths) + _GAP * (len(widths) - 1) - total
        if excess <= 0:
            return
        for _ in range(excess):
            wrappable = [i for i, width in enumerate(widths) if width > words[i]]
            widest = max(wrappable or range(len(widths)), key=widths.__getitem__)
            widths[widest] -= 1
        for column, width in zip(self.columns, widths, strict=True):
            column.width = max(width, 1)


def _longest_word(cell: Text) -> int:
    return max((cell_len(word) for word in cell.plain.split()), default=1)


def make_table(headers: Sequence[str], rows: Iterable[Sequence[object | None]]) -> Table:
    """Create a table of plain text: nothing is parsed as markup, and None is shown as ``-``."""
    table = FittedTable(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold")
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


def _cell(value: object | None) -> Text:
    text = "-" if value is None or value == "" else make_printable(str(value))
    return Text(text, style=_STYLES.get(text, ""))
