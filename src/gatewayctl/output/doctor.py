"""Renders findings: the worst first, each with evidence and remedy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from rich.padding import Padding
from rich.text import Text

from gatewayctl.operations.diagnosis.findings.finding import Severity
from gatewayctl.operations.doctor.run import DoctorReport, FindingReport
from gatewayctl.output.console import make_printable

if TYPE_CHECKING:
    from rich.console import RenderableType

_FIX: Final = "`gatewayctl doctor --fix`"
_STYLES: Final[dict[Severity, str]] = {"error": "bold red", "warning": "yellow", "info": "dim"}


def render_doctor(report: DoctorReport) -> Iterator[RenderableType]:
    """What was fixed, what is wrong, and what could not be checked."""
    for fix in report.fixes:
        yield Text(f"{'Fixed' if fix.done else 'Not fixed'}: {fix.finding}: {fix.said}")
    for found in report.findings:
        yield from _render_finding(found)
    reasons: dict[str, list[str]] = {}
    for check in report.checks:
        if check.state != "ran":
            reasons.setdefault(check.why or "", []).append(check.name)
    for why, names in reasons.items():
        yield Text(f"Not checked ({make_printable(why)}): {', '.join(names)}", style="dim")
    ran = sum(check.state == "ran" for check in report.checks)
    wrong = [found for found in report.findings if found.severity != "info"]
    count = "1 problem" if len(wrong) == 1 else f"{len(wrong) or 'no'} problems"
    yield Text(f"{ran} of {len(report.checks)} checks ran: {count} found.")
    yield Text(
        f"Advisories about LiteLLM are known up to {report.advisories_checked}.", style="dim"
    )


def _render_finding(found: FindingReport) -> Iterator[RenderableType]:
    head = Text(found.severity, style=_STYLES[found.severity])
    yield head.append(f"  {found.title}", style="default").append(f"  [{found.id}]", style="dim")
    yield Padding(Text(make_printable(found.evidence)), (0, 0, 0, 4))
    is_named = not found.fixable or _FIX in found.remedy
    also = "" if is_named else f"   (or: {_FIX})"
    yield Padding(Text(f"→ {found.remedy}{also}"), (0, 0, 0, 4))
