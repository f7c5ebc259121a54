"""Models as they are shown: declared against served, and what a check found.

Owns the looks of `models list`. Must not know how models are called.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from rich import box
from rich.table import Table
from rich.text import Text

from gatewayctl.operations.models_list import ModelCheck, ModelRow, ModelsListReport

if TYPE_CHECKING:
    from rich.console import RenderableType

_STYLES: Final = {"ok": "green", "not served": "bold red", "not declared": "dim"}
_KEY: Final = {None: "not needed", True: "set", False: "missing"}


def listed(report: ModelsListReport) -> Iterable[RenderableType]:
    """One line a model; under the table the reasons of those that failed."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    headings = ["Model", "Upstream", "State", "Provider key"]
    for heading in headings + (["Check"] if report.checked else []):
        table.add_column(heading, overflow="fold")
    for row in report.models:
        cells = [Text(row.model), Text(row.upstream or "-"), _state(row), Text(_key(row))]
        table.add_row(*cells, *([_check(row.check)] if report.checked else []))
    yield table
    for row in report.models:
        if row.check is not None and row.check.reason is not None:
            yield Text(f"{row.model}: {row.check.reason}")


def _state(row: ModelRow) -> Text:
    return Text(row.state, style=_STYLES[row.state])


def _key(row: ModelRow) -> str:
    return _KEY[row.provider_key] if row.declared else "-"


def _check(check: ModelCheck | None) -> Text:
    if check is None:
        return Text("-")
    if check.ok:
        return Text(f"answers ({check.latency_ms:.0f} ms)", style="green")
    return Text(f"failed: {check.code}", style="bold red")
