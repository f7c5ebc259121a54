"""The one table of findings, by id, in the order of the documentation.

`doctor` reports them, a failing `up` names them, docs/troubleshooting.md is generated from them.
Must not know how a finding is detected.
"""

from __future__ import annotations

from typing import Final

from gatewayctl.errors import GatewayctlError
from gatewayctl.operations.diagnosis.findings.cluster import CLUSTER
from gatewayctl.operations.diagnosis.findings.finding import Finding
from gatewayctl.operations.diagnosis.findings.machine import MACHINE, RUNTIME
from gatewayctl.operations.diagnosis.findings.project import SECRETS, SETTINGS
from gatewayctl.operations.diagnosis.findings.stack import GATEWAY, SERVICES, TRACES

FINDINGS: Final[dict[str, Finding]] = {
    finding.id: finding
    for area in (SETTINGS, SECRETS, MACHINE, RUNTIME, CLUSTER, SERVICES, GATEWAY, TRACES)
    for finding in area
}


def find_finding(error: GatewayctlError) -> str | None:
    """The id of the finding behind an error: its own, or the one of its class or a parent."""
    codes = (getattr(kind, "code", "") for kind in type(error).__mro__)
    return error.finding or next((code for code in codes if code in FINDINGS), None)
