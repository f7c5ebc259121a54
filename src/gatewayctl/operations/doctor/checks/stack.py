"""Checks of the runtime and the services: health, versions, images, database sizes.

Must not know what LiteLLM stores.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gatewayctl.operations.diagnosis.advisories import find_advisories
from gatewayctl.operations.diagnosis.advisory_table import CHECKED
from gatewayctl.operations.diagnosis.external import (
    ExternalService,
    check_database,
    check_trace_stores,
)
from gatewayctl.operations.diagnosis.failure import diagnose, name_service
from gatewayctl.operations.diagnosis.findings.table import FINDINGS
from gatewayctl.operations.diagnosis.health import ServiceReport
from gatewayctl.operations.diagnosis.next_step import is_late
from gatewayctl.operations.doctor.checks.subject import (
    DoctorCheck,
    NotChecked,
    Observation,
    Subject,
)
from gatewayctl.runtimes.collations import find_outdated_collations
from gatewayctl.runtimes.databases import databases, own_databases
from gatewayctl.runtimes.self_check import SelfCheck
from gatewayctl.settings.image import is_moving_tag

_LARGE: Final = 10_000_000_000
"""Bytes."""
_OLD_TABLE_DAYS: Final = 60


def check_services(subject: Subject) -> Iterator[Observation]:
    """Find services that failed, are late, or stopped while others run. A stopped stack is fine."""
    found = [service for service in subject.services if service.service in subject.runtime.services]
    up = [service for service in found if service.health != "stopped"]
    for service in found:
        if service.health == "stopped" and up:
            evidence = f"{service.service} is stopped"
            yield Observation(finding="service_stopped", evidence=evidence, service=service.service)
        elif service.health == "unhealthy":
            yield _diagnose(service, subject, running=False)
        elif is_late(service):
            yield _diagnose(service, subject, running=True)


def _diagnose(service: ServiceReport, subject: Subject, *, running: bool) -> Observation:
    found = diagnose(service, subject.runtime, subject.project, since=None, running=running)
    why = f": {found.cause.summary}" if found.cause else ""
    evidence = f"{service.service} is {service.health} ({service.detail or service.state}){why}"
    last = f"\n{found.log}" if found.log else ""
    return Observation(
        finding=found.finding,
        evidence=evidence + last,
        service=found.service,
        remedy=name_service(FINDINGS[found.finding].remedy, found.service),
    )


def check_runtime_faults(subject: Subject) -> Iterator[Observation]:
    """Report the faults that the runtime finds in itself."""
    runtime = subject.runtime
    if isinstance(runtime, SelfCheck):
        for fault in runtime.find_faults():
            yield Observation(finding=fault.finding, evidence=fault.evidence)


def check_database_sizes(subject: Subject) -> Iterator[Observation]:
    """Check the size of the databases on disk, including indexes."""
    for database in databases(subject.runtime, unchanging=True):
        if database.shell.is_running():
            size = database.size()
            if size > _LARGE:
                evidence = f"{database.name} uses {size / 1e9:.1f} GB"
                yield Observation(finding="database_large", evidence=evidence)


def check_collations(subject: Subject) -> Iterator[Observation]:
    """Find databases that were sorted by another C library than that of their image."""
    for database in own_databases(subject.runtime):
        if database.shell.is_running():
            for found in find_outdated_collations(database.shell):
                yield Observation(
                    finding="collation_version_mismatch",
                    evidence=f"database {found.database} on the server of {database.name}: created "
                    f"with collation version {found.recorded}, now {found.actual}",
                )


def check_versions(subject: Subject) -> Iterator[Observation]:
    """Compare LiteLLM's declared and running versions with the known advisories."""
    containers = subject.runtime.name in {"docker", "kubernetes"}
    seen = {s.version for s in subject.services if s.service == "litellm" and s.version}
    if containers:
        seen.add(subject.project.images.litellm)
    reported: set[str] = set()
    for version in sorted(seen):
        for advisory in find_advisories(version, image=containers):
            if advisory.id not in reported:
                reported.add(advisory.id)
                fixed = f", fixed in {', '.join(advisory.fixed_in)}" if advisory.fixed_in else ""
                yield Observation(
                    finding=advisory.finding,
                    evidence=f"{version}: {advisory.id}{fixed}: {advisory.summary} "
                    f"({advisory.source})",
                    severity="warning" if advisory.unconfirmed else None,
                    service="litellm",
                )


def check_advisories(subject: Subject) -> Iterator[Observation]:
    """Check the age of the table of advisories that this gatewayctl came with."""
    days = (subject.now().date() - CHECKED).days
    if days > _OLD_TABLE_DAYS:
        evidence = f"it was last checked on {CHECKED}, {days} days ago"
        yield Observation(finding="advisories_old", evidence=evidence)


def check_images(subject: Subject) -> Iterator[Observation]:
    """Find images that are not pinned to a version."""
    if subject.runtime.name == "embedded":
        return
    chosen = subject.project.images
    named = {"litellm": chosen.litellm, "phoenix": chosen.phoenix}
    for name, image in named.items():
        if is_moving_tag(image):
            yield Observation(finding="image_not_pinned", evidence=f"images.{name} is {image}")


def check_external_database(subject: Subject) -> Iterator[Observation]:
    """Check LiteLLM's database if others run it. Raises NotChecked."""
    for found in check_database(subject.project, subject.runtime):
        if found.usable is None:
            raise NotChecked(found.detail)
        if not found.usable:
            yield _observe(found, "external_database_unusable")


def check_stores(subject: Subject) -> Iterator[Observation]:
    """Check the trace stores that others run."""
    for found in check_trace_stores(subject.project, subject.client.http):
        if not found.usable:
            yield _observe(found, "trace_store_unusable")


def _observe(found: ExternalService, finding: str) -> Observation:
    evidence = f"{found.name} at {found.address}: {found.detail}"
    return Observation(finding=finding, evidence=evidence)


CHECKS = (
    DoctorCheck(name="services", run=check_services, needs=("runtime",)),
    DoctorCheck(
        name="external database", run=check_external_database, needs=("runtime", "own_stack")
    ),
    DoctorCheck(name="trace stores", run=check_stores, needs=("runtime", "own_stack")),
    DoctorCheck(name="runtime faults", run=check_runtime_faults, needs=("runtime", "own_stack")),
    DoctorCheck(
        name="database sizes", run=check_database_sizes, needs=("runtime", "litellm", "own_stack")
    ),
    DoctorCheck(name="collations", run=check_collations, needs=("runtime", "own_stack")),
    DoctorCheck(name="versions", run=check_versions, needs=("runtime",)),
    DoctorCheck(name="advisories", run=check_advisories),
    DoctorCheck(name="images", run=check_images, needs=("runtime", "own_stack")),
)
