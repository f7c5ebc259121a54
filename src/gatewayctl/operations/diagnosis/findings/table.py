"""The one table of findings, by id, in the order of the documentation.

`doctor` reports them, a failing `up` names them, docs/troubleshooting.md is generated from them.
Must not know how a finding is detected.
"""

from __future__ import annotations

from typing import Final

from gatewayctl.operations.diagnosis.findings.finding import Finding
from gatewayctl.operations.diagnosis.findings.machine import MACHINE, RUNTIME
from gatewayctl.operations.diagnosis.findings.project import SECRETS, SETTINGS
from gatewayctl.operations.diagnosis.findings.stack import GATEWAY, SERVICES, TRACES

FINDINGS: Final[dict[str, Finding]] = {
    finding.id: finding
    for area in (SETTINGS, SECRETS, MACHINE, RUNTIME, SERVICES, GATEWAY, TRACES)
    for finding in area
}
