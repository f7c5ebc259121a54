"""Explains a failing start: which service, why, and what to do. Everything keeps running.

Joins the table of causes with the runtime's state, ports and logs. Owns the message and the
evidence. Must not wait, start or stop anything.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from gatewayctl.errors import (
    DatabasePasswordRefused,
    GatewayctlError,
    NotHealthyInTime,
    RuntimeProblem,
    ServiceFailed,
)
from gatewayctl.operations.diagnosis.causes import DISK_FULL, Cause, Symptoms, recognize_cause
from gatewayctl.operations.diagnosis.disk import describe_full_disk
from gatewayctl.operations.diagnosis.findings.table import FINDINGS
from gatewayctl.operations.diagnosis.log_excerpt import lines_since_start, select_relevant
from gatewayctl.runtimes.base import Runtime
from gatewayctl.settings.masking import mask
from gatewayctl.settings.model import Settings

if TYPE_CHECKING:
    from gatewayctl.operations.diagnosis.health import ServiceReport

Failure = TypeVar("Failure", bound=GatewayctlError)

_READ_LINES: Final = 400
# Starting PostgreSQL and applying migrations comes before the wait.
_BEFORE_THE_WAIT: Final = timedelta(minutes=2)
_PASSWORDS: Final = {"litellm": "LITELLM_POSTGRES_PASSWORD", "phoenix": "POSTGRES_PASSWORD"}
_NO_SPACE: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
# Codes that do not name the cause; the message may.
_UNSPECIFIC: Final = frozenset(
    {"runtime", "service_failed", "migration_failed", "environment_broken", "install_failed",
     "file_unwritable", "env_file_unwritable", "build_failed", "runtime_unavailable"}
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """Which service failed and why; ``log`` has its relevant lines, secrets masked."""

    service: str
    finding: str
    cause: Cause | None
    log: str


def log_window_start(now: datetime | None = None) -> datetime:
    """The time from which log lines belong to the start in progress."""
    return (now or datetime.now(UTC)) - _BEFORE_THE_WAIT


def service_failure(
    report: ServiceReport,
    reports: Sequence[ServiceReport],
    runtime: Runtime,
    settings: Settings,
    *,
    since: datetime,
) -> RuntimeProblem:
    """The failure of a service that exited, or whose port is used by another process."""
    found = diagnose(report, runtime, settings, since=since)
    service = found.service
    how = f" ({report.detail})" if report.detail and service == report.service else ""
    start = f"{service} failed{how}"
    message = _compose_message(start, found, report, reports, runtime, settings)
    refused = found.finding == "database_password_refused"
    return _attach(DatabasePasswordRefused(message) if refused else ServiceFailed(message), found)


def timeout_failure(
    report: ServiceReport,
    reports: Sequence[ServiceReport],
    runtime: Runtime,
    settings: Settings,
    *,
    since: datetime,
    timeout: float,
) -> NotHealthyInTime:
    """The failure of a service that is not ready after ``timeout`` seconds."""
    found = diagnose(report, runtime, settings, since=since, running=True)
    start = f"{report.service} is not ready after {timeout:g} s ({report.detail or report.health})"
    error = NotHealthyInTime(_compose_message(start, found, report, reports, runtime, settings))
    return _attach(error, found)


def diagnose(
    report: ServiceReport,
    runtime: Runtime,
    settings: Settings,
    *,
    since: datetime | None,
    running: bool = False,
) -> Diagnosis:
    """Find the first service in dependency order that explains the failure.

    A full disk, for example, is logged by PostgreSQL while Phoenix exits. A service that works now
    explains only what the failing one does not explain itself.
    """
    own_log = _read_log(report.service, runtime, since)
    seen = Symptoms(
        service=report.service,
        ended="" if running else report.detail,
        probe=report.detail,
        log=own_log,
        runtime=runtime.name,
    )
    # On a full disk the log may lack the reason, and an exit code means nothing.
    full = runtime.name == "embedded" and describe_full_disk(settings.state_dir)
    own = DISK_FULL if full else recognize_cause(seen)
    before = runtime.services[: _index_of(report.service, runtime)]
    for service in before:
        log = _read_log(service, runtime, since)
        symptoms = Symptoms(service=service, log=log, runtime=runtime.name)
        cause = recognize_cause(symptoms, spreading=True)
        if cause and (own is None or runtime.is_healthy(service) is not True):
            return Diagnosis(
                service=service,
                finding=cause.finding,
                cause=cause,
                log=select_relevant(log, cause.log),
            )
    general = "not_healthy_in_time" if running else "service_failed"
    return Diagnosis(
        service=report.service,
        finding=own.finding if own else general,
        cause=own,
        log=select_relevant(own_log, own.log if own else None),
    )


@contextmanager
def explain_failures(runtime: Runtime, state_dir: Path) -> Iterator[None]:
    """Add the finding behind a failure that passes through, if its message reveals one.

    A full disk becomes a failure with a finding, not an internal error. It is looked for too: what
    fails for it may not have been able to write why.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _NO_SPACE:
            raise
        # A failed write to an open file has no file name.
        where = f" ({error.filename})" if error.filename else ""
        full = RuntimeProblem(f"The disk is full: {error.strerror}{where}.")
        _set_finding(full, "disk_full")
        raise full from None
    except GatewayctlError as error:
        if error.finding is None and error.code in _UNSPECIFIC:
            cause = recognize_cause(Symptoms(log=error.message, runtime=runtime.name))
            if cause is not None:
                _set_finding(error, cause.finding)
            elif found := describe_full_disk(state_dir):
                error.message = f"{error.message}\n{found}"
                _set_finding(error, "disk_full")
        raise


def _set_finding(error: GatewayctlError, finding: str, service: str = "") -> None:
    error.finding = finding
    error.hint = finding_hint(finding, service)


def finding_hint(finding: str, service: str = "") -> str:
    """The remedy of a finding, with the service it is about, and the link to its documentation."""
    known = FINDINGS[finding]
    return f"{name_service(known.remedy, service)} More: {known.docs}"


def name_service(remedy: str, service: str) -> str:
    """The remedy with the logs of one service instead of all."""
    return (
        remedy.replace("`gatewayctl logs`", f"`gatewayctl logs {service}`") if service else remedy
    )


def _attach(error: Failure, found: Diagnosis) -> Failure:
    _set_finding(error, found.finding, found.service)
    error.service = found.service
    return error


def _compose_message(
    start: str,
    found: Diagnosis,
    report: ServiceReport,
    reports: Sequence[ServiceReport],
    runtime: Runtime,
    settings: Settings,
) -> str:
    """One line each: message, consequence, waiting services, owners of ports, log."""
    why = f": {found.cause.summary}" if found.cause else ""
    if found.finding == "database_password_refused":
        why += f" than {_PASSWORDS[found.service]}"
    lines = [f"{start}{why}."]
    if found.service != report.service:
        lines.append(f"{report.service} exited because of it ({report.detail}).")
    waiting = [
        each.service
        for each in reports
        if each.service not in {found.service, report.service} and each.health == "starting"
    ]
    if waiting:
        lines.append(f"Still waiting: {', '.join(waiting)}.")
    if found.finding == "port_taken":
        lines += _list_port_owners(found.service, runtime, settings)
    if found.log:
        lines.append(f"Last lines of its log:\n{found.log}")
    return "\n".join(lines)


def _list_port_owners(service: str, runtime: Runtime, settings: Settings) -> list[str]:
    """List who uses the ports of a service."""
    from gatewayctl.runtimes.port_owners import find_owner
    from gatewayctl.runtimes.ports import find_listeners

    ports = settings.ports
    wanted = {
        "litellm": (ports.litellm,),
        "phoenix": (ports.phoenix, ports.phoenix_grpc),
        "postgres": (ports.postgres_litellm,),
        "postgres-litellm": (ports.postgres_litellm,),
        "postgres-phoenix": (ports.postgres_phoenix,),
    }.get(service, ())
    published = [port for port in wanted if port is not None]
    held = find_listeners(settings.bind, published) if published else {}
    owners = {
        port: find_owner(who)
        for port, who in sorted(held.items())
        if not runtime.owns_port(service, port)
    }
    return [
        f"Port {port} is used by {who}" + (f"; `{who.stop}`." if who.stop else ".")
        for port, who in owners.items()
    ]


def _read_log(service: str, runtime: Runtime, since: datetime | None) -> str:
    text = runtime.last_lines(service, _READ_LINES)
    recent = text if since is None else lines_since_start(text, since)
    return mask(recent)


def _index_of(service: str, runtime: Runtime) -> int:
    return runtime.services.index(service) if service in runtime.services else 0
