"""Checks of the machine: ports, disk, memory, clocks. Owns the limits."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Final

from gatewayctl.errors import GatewayctlError, PortTaken
from gatewayctl.operations.backup.disk_space import RESERVED_BYTES
from gatewayctl.operations.diagnosis.disk import describe_disk, format_size
from gatewayctl.operations.doctor.checks.subject import DoctorCheck, Observation, Subject
from gatewayctl.runtimes.databases import own_databases
from gatewayctl.runtimes.machine import read_memory
from gatewayctl.settings.model import STATE_DIR_NAME

_LOW: Final = 1_000_000_000
_NEEDED: Final = 1_200_000_000
"""Bytes of memory needed for a start, measured with LiteLLM 1.106 and Phoenix 20."""
_SPARE: Final = 150_000_000
_SKEW_SECONDS: Final = 5.0


def check_ports(subject: Subject) -> Iterator[Observation]:
    """Find what would make a start fail: ports in use, a runtime that cannot be used."""
    try:
        subject.runtime.preflight()
    except PortTaken as error:
        for line in error.message.splitlines():
            yield Observation.of(error, evidence=line)
    except GatewayctlError as error:
        yield Observation.of(error)


def check_disk(subject: Subject) -> Iterator[Observation]:
    """Check the free disk space of the project's data."""
    free, evidence = describe_disk(subject.project_dir / STATE_DIR_NAME)
    yield from _judge_disk(free, evidence)


def check_disk_of_databases(subject: Subject) -> Iterator[Observation]:
    """Check the disk of an engine or a cluster, which may be that of another machine."""
    if subject.runtime.name not in {"docker", "kubernetes"}:
        return
    for database in own_databases(subject.runtime):
        if database.shell.is_running():
            with database.free_space() as read_free:
                free = read_free()
            where = f"the disk of the database {database.name}"
            yield from _judge_disk(free, f"{where} has {format_size(free)} free")
            return


def _judge_disk(free: int, evidence: str) -> Iterator[Observation]:
    if free < _LOW:
        finding = "disk_full" if free < RESERVED_BYTES else "disk_low"
        yield Observation(finding=finding, evidence=evidence)


def check_memory(subject: Subject) -> Iterator[Observation]:
    """Check the memory for a start, or a reserve if the stack is running."""
    running = any(service.health == "healthy" for service in subject.services)
    runtime = subject.resolved.runtime.name if subject.resolved else None
    needed, found = _SPARE if running else _NEEDED, read_memory(runtime)
    if found.available < needed:
        evidence = f"{format_size(found.available)} of {format_size(found.total)} is available"
        yield Observation(finding="memory_low", evidence=evidence)


def check_clocks(subject: Subject) -> Iterator[Observation]:
    """Compare the clocks of LiteLLM and Phoenix with this machine's, by the Date header."""
    settings = subject.project
    asked = {"litellm": f"{settings.gateway_url}/health/liveliness",
             "phoenix": f"{settings.phoenix_url}/healthz"}  # fmt: skip
    for service, url in asked.items():
        theirs = _read_date(subject, url) if subject.is_healthy(service) else None
        if theirs is None:
            continue
        apart = (theirs - subject.now()).total_seconds()
        # A Date has whole seconds.
        if abs(apart) > _SKEW_SECONDS:
            ahead = "ahead of" if apart > 0 else "behind"
            evidence = f"{service} is {abs(apart):.0f} s {ahead} this machine"
            yield Observation(finding="clock_differs", evidence=evidence, service=service)


def _read_date(subject: Subject, url: str) -> datetime | None:
    from gatewayctl.gateway.health import date_of

    text = date_of(subject.client.http, url)
    try:
        return parsedate_to_datetime(text) if text else None
    except ValueError:
        return None


CHECKS = (
    DoctorCheck(name="ports", run=check_ports, needs=("runtime", "own_stack")),
    DoctorCheck(name="disk", run=check_disk, needs=("own_stack",)),
    DoctorCheck(
        name="disk of the databases", run=check_disk_of_databases, needs=("runtime", "own_stack")
    ),
    DoctorCheck(name="memory", run=check_memory, needs=("own_stack",)),
    DoctorCheck(name="clocks", run=check_clocks, needs=("litellm",)),
)
