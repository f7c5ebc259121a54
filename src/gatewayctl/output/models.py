"""Renders `models list`: the declared and the served models, and the results of --check.

Owns the words and the layout. Must not know how models are called.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from gatewayctl.operations.models.list import ModelCheck, ModelRow, ModelsListReport
from gatewayctl.output.console import make_printable
from gatewayctl.output.table import make_table

if TYPE_CHECKING:
    from rich.console import RenderableType

_KEY: Final = {None: "not needed", True: "set", False: "missing"}


def render_list(report: ModelsListReport) -> Iterable[RenderableType]:
    """Render one line for each model, and below the table the reasons of failures."""
    from rich.text import Text

    heads = ("MODEL", "UPSTREAM", "STATE", "PROVIDER KEY")
    yield make_table(
        (*heads, "CHECK") if report.checked else heads,
        [_cells(row, checked=report.checked) for row in report.models],
    )
    for row in report.models:
        if row.check is not None and row.check.reason is not None:
            yield Text(make_printable(f"{row.model}: {row.check.reason}"))
    for warning in report.warnings:
        yield Text(make_printable(f"Warning: {warning}"))
    if report.missing_keys:
        names = ", ".join(report.missing_keys)
        remedy = "Put the provider's key into .env, then run `gatewayctl up`."
        yield Text(f"Not set: {names}. {remedy}")


def _cells(row: ModelRow, *, checked: bool) -> tuple[str | None, ...]:
    key = _KEY[row.provider_key] if row.declared else None
    state = row.state.replace("_", " ")
    stored = "in the database" if not row.declared else f"{state}, also in the database"
    cells = (row.model, row.upstream, stored if row.in_database else state, key)
    if row.not_called is not None:
        return (*cells, f"not called: {row.not_called}")
    return (*cells, _check(row.check)) if checked else cells


def _check(check: ModelCheck | None) -> str | None:
    if check is None:
        return None
    return f"answers ({check.latency_ms:.0f} ms)" if check.ok else f"failed: {check.code}"
