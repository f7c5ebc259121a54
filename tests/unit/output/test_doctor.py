"""How findings are shown to people."""

from __future__ import annotations

import io

import pytest

from gatewayctl.operations.diagnosis.findings.finding import Finding
from gatewayctl.operations.diagnosis.findings.table import FINDINGS
from gatewayctl.operations.doctor.checks.fixes import FIXES
from gatewayctl.operations.doctor.run import FindingReport
from gatewayctl.output.console import Console
from gatewayctl.output.doctor import _render_finding


@pytest.mark.parametrize("known", FINDINGS.values(), ids=list(FINDINGS))
def test_each_command_of_a_remedy_is_shown_once(known: Finding) -> None:
    found = FindingReport(
        id=known.id,
        severity=known.severity,
        title=known.title,
        evidence="seen",
        remedy=known.remedy,
        fixable=known.id in FIXES,
        docs=known.docs,
        service=None,
    )
    stdout = io.StringIO()
    console = Console(stdout=stdout)

    console.result(_render_finding(found))

    shown = " ".join(stdout.getvalue().split())
    assert shown.count("gatewayctl doctor --fix") == (known.id in FIXES)
