"""What checks examine and what they return.

A check is a function from a Subject to observations. Must not know any check.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

from gatewayctl.errors import GatewayctlError
from gatewayctl.operations.diagnosis.findings.finding import Severity
from gatewayctl.operations.diagnosis.findings.table import find_finding
from gatewayctl.operations.diagnosis.health import ServiceReport
from gatewayctl.runtimes.base import Runtime
from gatewayctl.runtimes.registry import ResolvedRuntime
from gatewayctl.settings.master_key import NAME as MASTER_KEY
from gatewayctl.settings.model import Secret, Settings
from gatewayctl.tracing.stores import explain_not_queryable

if TYPE_CHECKING:
    from gatewayctl.gateway.client import GatewayClient

Thing = TypeVar("Thing")
Need = Literal["settings", "master_key", "runtime", "own_stack", "litellm", "phoenix"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One problem: the id of its finding and the evidence.

    ``severity`` overrides that of the finding if it is lower in this case, ``remedy`` overrides the
    general one where more is known.
    """

    finding: str
    evidence: str
    severity: Severity | None = None
    service: str | None = None
    remedy: str | None = None

    @classmethod
    def of(cls, error: GatewayctlError, *, evidence: str | None = None) -> Observation:
        """The finding behind an error, with the error's own hint; raises an error without one."""
        finding = find_finding(error)
        if finding is None:
            raise error
        return cls(finding=finding, evidence=evidence or error.message, remedy=error.hint)


class NotChecked(Exception):
    """What a check that changes nothing cannot find out as things are, which is no problem."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A project as far as it can be examined; None for what is not available.

    ``settings_error`` is why the settings do not load, ``runtime_error`` why there is no runtime.
    ``services`` were checked once.
    """

    project_dir: Path
    settings: Settings | None = None
    settings_error: GatewayctlError | None = None
    resolved: ResolvedRuntime | None = None
    runtime_error: GatewayctlError | None = None
    gateway: GatewayClient | None = None
    services: tuple[ServiceReport, ...] = ()
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))

    def find_unmet(self, need: Need) -> str:
        """Return why a check with this need cannot run; empty if it can."""
        if need == "own_stack":
            return self._find_owner()
        if self.settings is None:
            return "the settings do not load"
        if need == "master_key":
            return self._find_key_problem(self.settings)
        if need in {"runtime", "litellm", "phoenix"} and self.resolved is None:
            return "the runtime cannot be used"
        return self._find_service_problem(need, self.settings)

    def _find_service_problem(self, need: Need, settings: Settings) -> str:
        """Why a service cannot be asked; empty if it can, and for other needs."""
        if need == "phoenix" and settings.asked_store is None:
            return explain_not_queryable(settings)
        own = need == "litellm" or (need == "phoenix" and settings.tracing.own)
        if not own or self.is_healthy(need):
            return ""
        stopped = all(each.health == "stopped" for each in self.services if each.service == need)
        return f"{need} is not running" if stopped else f"{need} is not ready"

    def _find_key_problem(self, settings: Settings) -> str:
        """Why the master key cannot be used; the environment's is that of an external gateway."""
        if settings.secrets.master_key is None:
            return "the master key is not set"
        if not settings.is_external and settings.source_of(MASTER_KEY).overrides is not None:
            return "the environment has another master key than .env"
        return ""

    def _find_owner(self) -> str:
        """Why the services are not ours to examine; empty if they are, or nothing is known."""
        others = self.settings is not None and self.settings.is_external
        return "others operate the gateway" if others else ""

    def is_healthy(self, service: str) -> bool:
        return any(each.service == service and each.health == "healthy" for each in self.services)

    # A check may use only what its needs declare.

    @property
    def project(self) -> Settings:
        return _require(self.settings)

    @property
    def runtime(self) -> Runtime:
        return _require(self.resolved).runtime

    @property
    def client(self) -> GatewayClient:
        return _require(self.gateway)

    @property
    def master_key(self) -> Secret:
        return _require(self.project.secrets.master_key)


def _require(thing: Thing | None) -> Thing:
    assert thing is not None  # noqa: S101 - the check's needs were met
    return thing


RunCheck = Callable[[Subject], Iterator[Observation]]


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorCheck:
    """A check: its name, its needs, and the function that runs it. It changes nothing."""

    name: str
    run: RunCheck
    needs: tuple[Need, ...] = ()
