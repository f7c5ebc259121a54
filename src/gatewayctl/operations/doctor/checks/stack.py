"""Checks of what runs the services, and of the services: health, versions, leftovers.

Owns finding. Must not know what LiteLLM stores.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gatewayctl.operations.diagnosis.advisories import find_advisories, is_moving_tag
from gatewayctl.operations.diagnosis.failure import diagnose
from gatewayctl.operations.diagnosis.health import ServiceReport
from gatewayctl.operations.doctor.checks.subject import DoctorCheck, Observation, Subject
from gatewayctl.runtimes.databases import databases
from gatewayctl.runtimes.self_check import SelfCheck

_LARGE: Final = 10_000_000_000
"""Bytes."""
_STILL_STARTING: Final = 120.0
"""Seconds of uptime after which a service that is not ready is late."""


def services(subject: Subject) -> Iterator[Observation]:
    """Services that failed, are late, or stopped while others run. A stopped stack is fine."""
    found = [service for service in subject.services if service.service in subject.runtime.services]
    up = [service for service in found if service.health != "stopped"]
    for service in found:
        if service.health == "stopped" and up:
            said = f"{service.service} is stopped"
            yield Observation(finding="service_stopped", evidence=said, service=service.service)
        elif service.health == "unhealthy":
            yield _diagnosed(service, subject, running=False)
        elif service.health == "starting" and (service.uptime or 0) > _STILL_STARTING:
            yield _diagnosed(service, subject, running=True)


def _diagnosed(service: ServiceReport, subject: Subject, *, running: bool) -> Observation:
    found = diagnose(service, subject.runtime, subject.project, since=None, running=running)
    why = f": {found.cause.says}" if found.cause else ""
    said = f"{service.service} is {service.health} ({service.detail or service.state}){why}"
    last = f"\n{found.log}" if found.log else ""
    return Observation(finding=found.finding, evidence=said + last, service=found.service)


def ailments(subject: Subject) -> Iterator[Observation]:
    """What the runtime finds wrong with itself."""
    runtime = subject.runtime
    if isinstance(runtime, SelfCheck):
        for ailment in runtime.find_faults():
            yield Observation(finding=ailment.finding, evidence=ailment.evidence)


def database_sizes(subject: Subject) -> Iterator[Observation]:
    """What the databases take on the disk, indexes included."""
    for database in databases(subject.runtime):
        if database.shell.is_running():
            size = database.size()
            if size > _LARGE:
                said = f"{database.name} takes {size / 1e9:.1f} GB"
                yield Observation(finding="database_large", evidence=said)


def versions(subject: Subject) -> Iterator[Observation]:
    """LiteLLM's version, as declared and as it runs, against what is known of it."""
    containers = subject.runtime.name != "embedded"
    seen = {s.version for s in subject.services if s.service == "litellm" and s.version}
    if containers:
        seen.add(subject.project.images.litellm)
    told: set[str] = set()
    for version in sorted(seen):
        for advisory in find_advisories(version, image=containers):
            if advisory.id not in told:
                told.add(advisory.id)
                mended = f", mended in {advisory.mended}" if advisory.mended else ""
                yield Observation(
                    finding=advisory.finding,
                    evidence=f"{version}: {advisory.id}{mended}: {advisory.what} "
                    f"({advisory.source})",
                    severity="warning" if advisory.reported else None,
                    service="litellm",
                )


def images(subject: Subject) -> Iterator[Observation]:
    """Images whose tag moves."""
    if subject.runtime.name == "embedded":
        return
    chosen = subject.project.images
    named = {"litellm": chosen.litellm, "phoenix": chosen.phoenix}
    for name, image in named.items():
        if is_moving_tag(image):
            yield Observation(finding="image_not_pinned", evidence=f"images.{name} is {image}")


CHECKS = (
    DoctorCheck(name="services", look=services, needs=("runtime",)),
    DoctorCheck(name="runtime's own", look=ailments, needs=("runtime",)),
    DoctorCheck(name="database sizes", look=database_sizes, needs=("runtime", "litellm")),
    DoctorCheck(name="versions", look=versions, needs=("runtime",)),
    DoctorCheck(name="images", look=images, needs=("runtime",)),
)
