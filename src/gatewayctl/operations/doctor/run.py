"""The verb doctor: everything that is wrong, with evidence and what to do; `--fix` does the safe.

Works offline, with nothing running, and with settings that do not load. Owns the run of the
checks and the report. Must not know any one check.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from gatewayctl.errors import GatewayctlError, ProblemsFound, SettingsProblem
from gatewayctl.operations.diagnosis.findings.finding import Severity
from gatewayctl.operations.diagnosis.findings.table import FINDINGS
from gatewayctl.operations.diagnosis.health import check_services
from gatewayctl.operations.doctor.checks.fixes import FIXES, Fix
from gatewayctl.operations.doctor.checks.subject import DoctorCheck, Observation, Subject
from gatewayctl.operations.doctor.checks.table import CHECKS
from gatewayctl.operations.state.exclusive import change_project
from gatewayctl.runtimes.base import Progress
from gatewayctl.runtimes.registry import ResolvedRuntime
from gatewayctl.settings.masking import mask_secrets
from gatewayctl.settings.model import Settings

if TYPE_CHECKING:
    from gatewayctl.gateway.client import GatewayClient

_ORDER: Final[dict[Severity, int]] = {"error": 0, "warning": 1, "info": 2}
_SLOW: Final = frozenset({"virtual keys", "traces"})


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingReport:
    """One thing that is wrong; ``fixable`` where `doctor --fix` puts it right.

    ``evidence`` is what was seen, secrets masked; it can have several lines.
    """

    id: str
    severity: Severity
    title: str
    evidence: str
    remedy: str
    fixable: bool
    docs: str
    service: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckReport:
    """A check that ran, or why it could not."""

    name: str
    state: Literal["ran", "skipped", "failed"]
    why: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FixReport:
    """What was done about a finding, or why not."""

    finding: str
    done: bool
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorReport:
    """What is wrong now, after the fixes where some were asked for; the worst first."""

    project_dir: Path
    project: str | None
    runtime: str | None
    running: bool
    findings: tuple[FindingReport, ...]
    checks: tuple[CheckReport, ...]
    fixes: tuple[FixReport, ...]

    @property
    def problem(self) -> ProblemsFound | None:
        """Set where an error or a warning is left; what is for information only is fine."""
        errors = sum(found.severity == "error" for found in self.findings)
        warnings = sum(found.severity == "warning" for found in self.findings)
        if not errors and not warnings:
            return None
        counted = f"{_counted(errors, 'error')} and {_counted(warnings, 'warning')}"
        worst = self.findings[0]
        problem = ProblemsFound(f"{counted} found; first: {worst.title}.", hint=worst.remedy)
        problem.finding, problem.service = worst.id, worst.service
        return problem


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectLoaders:
    """How a project is seen; each may raise. Called anew after something was fixed."""

    settings: Callable[[], Settings]
    runtime: Callable[[], ResolvedRuntime]
    gateway: Callable[[], GatewayClient]


def doctor(
    project_dir: Path,
    ways: ProjectLoaders,
    *,
    fix: bool = False,
    checks: tuple[DoctorCheck, ...] = CHECKS,
) -> Generator[Progress, None, DoctorReport]:
    """Run every check that can run; with ``fix`` do what is safe, and look again.

    Raises Locked where another gatewayctl changes the project and something is to be fixed. What
    is wrong is in the report, and no exception.
    """
    subject = inspect_project(project_dir, ways)
    found, ran = yield from _looked(subject, checks)
    fixes: tuple[FixReport, ...] = ()
    if fix and any(each.finding in FIXES for each in found):
        with _changing(subject):
            fixes = tuple(_fixed(subject, found))
        subject = inspect_project(project_dir, ways)
        found, ran = yield from _looked(subject, checks)
    reports = (_reported(each, subject) for each in found)
    return DoctorReport(
        project_dir=project_dir,
        project=None if subject.settings is None else subject.settings.project_name,
        runtime=None if subject.resolved is None else subject.resolved.name,
        running=any(service.health == "healthy" for service in subject.services),
        findings=tuple(sorted(reports, key=lambda one: _ORDER[one.severity])),
        checks=ran,
        fixes=fixes,
    )


def inspect_project(project_dir: Path, ways: ProjectLoaders) -> Subject:
    """The project as far as it can be seen now."""
    try:
        settings = ways.settings()
    except SettingsProblem as refused:
        return Subject(project_dir=project_dir, refused=refused)
    try:
        resolved, gateway = ways.runtime(), ways.gateway()
        services = check_services(settings, resolved.runtime, gateway.http)
    except GatewayctlError as error:
        return Subject(project_dir=project_dir, settings=settings, unavailable=error)
    return Subject(
        project_dir=project_dir,
        settings=settings,
        resolved=resolved,
        gateway=gateway,
        services=services,
    )


def _looked(
    subject: Subject, checks: tuple[DoctorCheck, ...]
) -> Generator[Progress, None, tuple[list[Observation], tuple[CheckReport, ...]]]:
    found: list[Observation] = []
    ran: list[CheckReport] = []
    for each in checks:
        lacking = next(filter(None, map(subject.lacks, each.needs)), "")
        if lacking:
            ran.append(CheckReport(name=each.name, state="skipped", why=lacking))
            continue
        if each.name in _SLOW:
            yield Progress(subject=each.name, state="working", detail="asking")
        try:
            found += each.look(subject)
            ran.append(CheckReport(name=each.name, state="ran", why=None))
        except GatewayctlError as error:
            ran.append(CheckReport(name=each.name, state="failed", why=error.message))
        except OSError as error:
            ran.append(CheckReport(name=each.name, state="failed", why=str(error)))
    return list(dict.fromkeys(found)), tuple(ran)


@contextmanager
def _changing(subject: Subject) -> Iterator[None]:
    """The lock and the audit log; settings that do not load do not say where those are."""
    if subject.settings is None:
        yield
        return
    with change_project(subject.settings, "doctor --fix"):
        yield


def _fixed(subject: Subject, found: list[Observation]) -> Iterator[FixReport]:
    wanted = {each.finding for each in found}
    # One fix may mend several findings: it is done once.
    chosen: dict[Fix, str] = {}
    for finding, fix in FIXES.items():
        if finding in wanted:
            chosen.setdefault(fix, finding)
    for fix, finding in chosen.items():
        try:
            said = fix(subject)
            yield FixReport(finding=finding, done=bool(said), said=said or "nothing safe to do")
        except (GatewayctlError, OSError) as error:
            yield FixReport(finding=finding, done=False, said=str(error))


def _reported(found: Observation, subject: Subject) -> FindingReport:
    known = FINDINGS[found.finding]
    secrets = () if subject.settings is None else subject.settings.known_secrets()
    return FindingReport(
        id=known.id,
        severity=found.severity or known.severity,
        title=known.title,
        evidence=mask_secrets(found.evidence, secrets),
        remedy=known.remedy,
        fixable=known.id in FIXES,
        docs=known.docs,
        service=found.service,
    )


def _counted(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
