"""Virtual keys as they are shown: tables of 80 columns, secrets masked.

Owns the looks of `keys create` and `keys list`. Must not know how keys are made.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Final

from rich import box
from rich.table import Table
from rich.text import Text

from gatewayctl.operations.keys_create import KeysCreateReport
from gatewayctl.operations.keys_list import KeyRow, KeysListReport

if TYPE_CHECKING:
    from rich.console import RenderableType

_STYLES: Final = {
    "ok": "green",
    "exists": "green",
    "created": "bold green",
    "registered": "bold green",
    "replaced": "bold green",
    "foreign": "dim",
}


def created(report: KeysCreateReport) -> Iterable[RenderableType]:
    """Each key with what became of it, and where it is written."""
    table = _table("Alias", "Variable", "State", "Key", "Expires")
    for key in report.keys:
        table.add_row(
            Text(key.alias),
            Text(key.env),
            _state(key.status),
            Text(key.key.masked()),
            Text(_day(key.expires)),
        )
    for failure in report.failed:
        table.add_row(Text(failure.alias), Text(failure.env), _state("failed"), "-", "-")
    if table.row_count:
        yield table
    if not report.keys and not report.failed:
        yield "gateway.yaml declares no keys."
    elif any(key.written for key in report.keys):
        yield f"Written to {report.env_file}."
    elif report.changed:
        yield f"Registered as {report.env_file} has them."
    elif not report.failed:
        yield "Nothing to do: every key exists."
    yield from (f"Warning: {warning}" for warning in report.warnings)


def shown(report: KeysCreateReport, *, alone: bool) -> Iterable[RenderableType]:
    """The plain keys: one ``alone``, several as lines for a shell."""
    for key in report.keys:
        yield str(key.plain) if alone else f"{key.env}={key.plain}"


def listed(report: KeysListReport, *, everything: bool) -> Iterable[RenderableType]:
    """The project's keys, and the others as one line unless ``everything`` is wanted."""
    rows = report.keys if everything else report.own
    if rows:
        table = _table("Alias", "Variable", "State", "Key", "Models", "Expires", "Spend")
        for row in rows:
            table.add_row(*_cells(row))
        yield table
    else:
        yield "No virtual keys."
    hidden = len(report.keys) - len(rows)
    if hidden:
        plural = "key" if hidden == 1 else "keys"
        yield f"And {hidden} {plural} that gatewayctl did not make; --all shows them."


def _cells(row: KeyRow) -> tuple[Text, ...]:
    return (
        Text(row.alias or "-"),
        Text(row.env or "-"),
        _state(row.state),
        Text(row.key or "-"),
        Text(", ".join(row.models) or ("all" if row.in_gateway else "-")),
        Text(_day(row.expires)),
        Text("-" if row.spend is None else f"${row.spend:.4f}"),
    )


def _table(*headings: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for heading in headings:
        # What is copied from here is folded, never cut.
        table.add_column(heading, overflow="fold")
    return table


def _state(state: str) -> Text:
    return Text(state, style=_STYLES.get(state, "bold red"))


def _day(moment: datetime | None) -> str:
    return "-" if moment is None else moment.strftime("%Y-%m-%d")
