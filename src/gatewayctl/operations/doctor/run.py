"""The verb doctor: every problem with evidence and remedy; `--fix` applies the safe fixes.

Works offline, with nothing running, and with settings that do not load. Owns the run of the checks
and the report. Must not know any check.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from gatewayctl.errors import GatewayctlError, ProblemsFound, SettingsProblem
from gatewayctl.operations.diagnosis.advisory_table import CHECKED
from gatewayctl.operations.diagnosis.external_hints import fit_remedy
from gatewayctl.operations.diagnosis.findings.finding import Severity
from gatewayctl.operations.diagnosis.findings.table import FINDINGS
from gatewayctl.operations.diagnosis.health import check_services
from gatewayctl.operations.doctor.checks.fixes import FIXES, Fix
from gatewayctl.operations.doctor.checks.subject import (
    DoctorCheck,
    NotChecked,
    Observation,
    Subject,
)
from gatewayctl.operations.doctor.checks.table import CHECKS
from gatewayctl.operations.state.exclusive import change_project
from gatewayctl.runtimes.base import Progress
from gatewayctl.runtimes.registry import ResolvedRuntime
from gatewayctl.settings.masking import mask
from gatewayctl.settings.model import Settings

if TYPE_CHECKING:
    from gatewayctl.gateway.client import GatewayClient

_ORDER: Final[dict[Severity, int]] = {"error": 0, "warning": 1, "info": 2}
_SLOW: Final = frozenset({"virtual keys", "traces"})


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingReport:
    """One problem; ``fixable`` if `doctor --fix` can fix it.

    ``evidence`` has secrets masked and may have several lines.
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
    """What was done about a finding, or why nothing was."""

    finding: str
    done: bool
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorReport:
    """The current problems, after any fixes; the worst first.

    ``advisories_checked`` is the day up to which the advisories about LiteLLM are known.
    """

    project_dir: Path
    project: str | None
    runtime: str | None
    running: bool
    findings: tuple[FindingReport, ...]
    checks: tuple[CheckReport, ...]
    fixes: tuple[FixReport, ...]
    advisories_checked: date = CHECKED

    @property
    def problem(self) -> ProblemsFound | None:
        """Set if an error or a warning is left, or a check could not run."""
        errors = sum(found.severity == "error" for found in self.findings)
        warnings = sum(found.severity == "warning" for found in self.findings)
        failed = [check for check in self.checks if check.state == "failed"]
        if not errors and not warnings:
            if not failed:
                return None
            names = ", ".join(check.name for check in failed)
            return ProblemsFound(
                f"{_count(len(failed), 'check')} could not run: {names}.",
                hint=f"The first reason: {failed[0].why}",
            )
        counted = f"{_count(errors, 'error')} and {_count(warnings, 'warning')}"
        worst = self.findings[0]
        problem = ProblemsFound(f"{counted} found; first: {worst.title}.", hint=worst.remedy)
        problem.finding, problem.service = worst.id, worst.service
        problem.label = "Error" if errors else "Warning"
        return problem


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectLoaders:
    """How a project is loaded; each may raise. Called again after a fix."""

    settings: Callable[[], Settings]
    runtime: Callable[[], ResolvedRuntime]
    gateway: Callable[[], GatewayClient]


def doctor(
    project_dir: Path,
    loaders: ProjectLoaders,
    *,
    fix: bool = False,
    checks: tuple[DoctorCheck, ...] = CHECKS,
) -> Generator[Progress, None, DoctorReport]:
    """Run every check that can run; with ``fix`` apply the safe fixes and check again.

    Problems are part of the report, not raised. Raises Locked if something is to be fixed while
    another gatewayctl changes the project.
    """
    subject = inspect_project(project_dir, loaders)
    found, ran = yield from _run_checks(subject, checks)
    fixes: tuple[FixReport, ...] = ()
    if fix and any(each.finding in FIXES for each in found):
        with _hold_project(subject):
            fixes = tuple(_apply_fixes(subject, found))
        subject = inspect_project(project_dir, loaders)
        found, ran = yield from _run_checks(subject, checks)
    external = subject.settings is not None and subject.settings.is_external
    reports = (_report(each, external=external) for each in found)
    return DoctorReport(
        project_dir=project_dir,
        project=None if subject.settings is None else subject.settings.project_name,
        runtime=None if subject.resolved is None else subject.resolved.name,
        running=any(service.health == "healthy" for service in subject.services),
        findings=tuple(sorted(reports, key=lambda one: _ORDER[one.severity])),
        checks=ran,
        fixes=fixes,
    )


def inspect_project(project_dir: Path, loaders: ProjectLoaders) -> Subject:
    """Load the project as far as possible."""
    try:
        settings = loaders.settings()
    except SettingsProblem as error:
        return Subject(project_dir=project_dir, settings_error=error)
    try:
        resolved, gateway = loaders.runtime(), loaders.gateway()
        services = check_services(settings, resolved.runtime, gateway.http)
    except GatewayctlError as error:
        return Subject(project_dir=project_dir, settings=settings, runtime_error=error)
    return Subject(
        project_dir=project_dir,
        settings=settings,
        resolved=resolved,
        gateway=gateway,
        services=services,
    )


def _run_checks(
    subject: Subject, checks: tuple[DoctorCheck, ...]
) -> Generator[Progress, None, tuple[list[Observation], tuple[CheckReport, ...]]]:
    found: list[Observation] = []
    ran: list[CheckReport] = []
    for each in checks:
        lacking = next(filter(None, map(subject.find_unmet, each.needs)), "")
        if lacking:
            ran.append(CheckReport(name=each.name, state="skipped", why=lacking))
            continue
        if each.name in _SLOW:
            yield Progress(subject=each.name, state="working", detail="checking")
        try:
            found += each.run(subject)
            ran.append(CheckReport(name=each.name, state="ran", why=None))
        except NotChecked as why:
            ran.append(CheckReport(name=each.name, state="skipped", why=mask(str(why))))
        except (GatewayctlError, OSError) as error:
            ran.append(CheckReport(name=each.name, state="failed", why=mask(str(error))))
    return list(dict.fromkeys(found)), tuple(ran)


@contextmanager
def _hold_project(subject: Subject) -> Iterator[None]:
    """Hold the lock and write the audit log; without settings their location is unknown."""
    if subject.settings is None:
        yield
        return
    with change_project(subject.settings, "doctor --fix"):
        yield


def _apply_fixes(subject: Subject, found: list[Observation]) -> Iterator[FixReport]:
    wanted = {each.finding for each in found}
    # One fix may cover several findings: it is applied once.
    chosen: dict[Fix, str] = {}
    for finding, fix in FIXES.items():
        if finding in wanted:
            chosen.setdefault(fix, finding)
    for fix, finding in chosen.items():
        try:
            result = fix(subject)
            yield FixReport(finding=finding, done=bool(result), said=result or "nothing safe to do")
        except (GatewayctlError, OSError) as error:
            yield FixReport(finding=finding, done=False, said=mask(str(error)))


def _report(found: Observation, *, external: bool) -> FindingReport:
    known = FINDINGS[found.finding]
    remedy = found.remedy or known.remedy
    return FindingReport(
        id=known.id,
        severity=found.severity or known.severity,
        title=known.title,
        evidence=mask(found.evidence),
        remedy=fit_remedy(remedy) if external else remedy,
        fixable=known.id in FIXES,
        docs=known.docs,
        service=found.service,
    )


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
