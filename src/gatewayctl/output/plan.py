"""The plan as it is shown: files, services with the reason, keys, and what to mind."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.text import Text

from gatewayctl.operations.stack.plan import PlanReport
from gatewayctl.output.table import table

if TYPE_CHECKING:
    from rich.console import RenderableType


def planned(report: PlanReport) -> Iterable[RenderableType]:
    """What `up` would do, or that it would do nothing."""
    if not report.changed:
        yield Text(f"{report.project} is as it should be: `gatewayctl up` would change nothing.")
        return
    if report.secrets:
        yield Text(f"Generate into .env: {', '.join(report.secrets)}")
    for file in report.files:
        if file.state != "unchanged":
            yield Text(f"{'Write' if file.state == 'missing' else 'Change'} {file.path}")
            yield Text((file.diff or "").rstrip("\n"), style="dim")
    yield table(
        ("SERVICE", "WOULD BE", "WHY"),
        [(each.service, _PAST[each.action], ", ".join(each.why)) for each in report.services],
    )
    for key in report.keys:
        words = "made or checked when the gateway runs" if key.action == "unknown" else key.action
        yield Text(f"Key {key.alias} ({key.env}): {words}")
    for sentence in report.data_at_risk:
        yield Text.assemble(("At risk: ", "bold red"), sentence)
    for sentence in report.downtime:
        yield Text.assemble(("Downtime: ", "bold yellow"), sentence)


_PAST = {
    "start": "started",
    "restart": "restarted",
    "recreate": "recreated",
    "untouched": "untouched",
}
