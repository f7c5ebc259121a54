"""Every check, in the order of the report: from the project's files to its traces."""

from __future__ import annotations

from typing import Final

from gatewayctl.operations.doctor.checks import gateway, machine, project, secrets, stack
from gatewayctl.operations.doctor.checks.subject import DoctorCheck

CHECKS: Final[tuple[DoctorCheck, ...]] = (
    *project.CHECKS,
    *secrets.CHECKS,
    *machine.CHECKS,
    *stack.CHECKS,
    *gateway.CHECKS,
)
