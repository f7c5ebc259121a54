"""What to do next about a stack that is not healthy, from the state that was seen.

Owns the choice of the sentence. Must not start, stop or wait for anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gatewayctl.errors import ProjectMissing
from gatewayctl.operations.diagnosis.causes import Symptoms, recognize_cause
from gatewayctl.operations.diagnosis.disk import describe_full_disk
from gatewayctl.operations.diagnosis.failure import diagnose, finding_hint
from gatewayctl.operations.diagnosis.health import ServiceReport
from gatewayctl.operations.diagnosis.port_owner import find_other_project
from gatewayctl.runtimes.base import Runtime
from gatewayctl.settings.model import Settings

START: Final = "Start the stack with `gatewayctl up`."
ASK_OWNER: Final = (
    "Check the addresses under external: in gateway.yaml and the network, then ask whoever runs the"
    " gateway."
)
_STILL_STARTING: Final = 120.0
"""Seconds of uptime after which a service that is not ready is late."""


def is_late(report: ServiceReport) -> bool:
    """True for a service that should be ready by now."""
    return report.health == "starting" and (report.uptime or 0) > _STILL_STARTING


def suggest_next_step(
    reports: Sequence[ServiceReport], runtime: Runtime, settings: Settings
) -> str:
    """The next command that helps, as a sentence; empty if every service is healthy."""
    if all(report.health == "healthy" for report in reports):
        return ""
    if obstacle := _find_obstacle(reports, runtime, settings):
        return obstacle
    if all(report.health == "stopped" for report in reports):
        return START if settings.is_project else ProjectMissing.remedy
    unhealthy = [report for report in reports if report.health == "unhealthy"]
    for report in (*unhealthy, *filter(is_late, reports)):
        return _explain(report, runtime, settings)
    if any(report.health == "stopped" for report in reports):
        return finding_hint("service_stopped")
    starting = [report.service for report in reports if report.health == "starting"]
    names = " and ".join(starting)
    return (
        f"Wait for {names} to start, as `gatewayctl status` shows; if that takes long, see "
        f"`gatewayctl logs {' '.join(starting)}`."
    )


def _find_obstacle(reports: Sequence[ServiceReport], runtime: Runtime, settings: Settings) -> str:
    """What keeps a service from starting whatever its log says: a full disk, a taken port."""
    if settings.is_external:
        return ASK_OWNER
    # A log may lack what could not be written.
    if runtime.name == "embedded" and (full := describe_full_disk(settings.state_dir)):
        return f"{full} {finding_hint('disk_full')}"
    stopped = {report.service for report in reports if report.health == "stopped"}
    other = find_other_project(settings, runtime) if "litellm" in stopped else None
    return "" if other is None else f"{other.message} {other.hint}"


def _explain(report: ServiceReport, runtime: Runtime, settings: Settings) -> str:
    # What the service answers now counts more than lines of its log, which may be old.
    seen = Symptoms(service=report.service, probe=report.detail, runtime=runtime.name)
    if (cause := recognize_cause(seen)) is not None:
        return finding_hint(cause.finding, report.service)
    running = report.health == "starting"
    found = diagnose(report, runtime, settings, since=None, running=running)
    return finding_hint(found.finding, found.service)
