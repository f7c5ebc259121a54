"""The verb status: the state of each service, the keys in .env, and which runtime and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from gatewayctl.errors import ExternalDatabaseUnusable, NotHealthy
from gatewayctl.operations.diagnosis.external import ExternalService, check_external_services
from gatewayctl.operations.diagnosis.failure import finding_hint
from gatewayctl.operations.diagnosis.health import ServiceReport, check_services
from gatewayctl.operations.diagnosis.next_step import suggest_next_step
from gatewayctl.operations.keys.values import read_current_values
from gatewayctl.runtimes.kubernetes.context import ChosenContext, describe_difference, resolve
from gatewayctl.runtimes.registry import ResolvedRuntime
from gatewayctl.settings.declared.retention import format_period
from gatewayctl.settings.model import RuntimeName, Secret, Settings
from gatewayctl.settings.overrides import stored_names, warn_overrides

if TYPE_CHECKING:
    import httpx


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyStatus:
    """A declared virtual key; ``key`` is its value in .env, or else in the environment."""

    alias: str
    env: str
    key: Secret | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusReport:
    """The current state of the stack.

    ``external`` are the services that others run. ``is_project`` is false for a folder without any
    file of a project; ``next_step`` is a sentence, empty if every service is healthy.
    ``kubernetes`` is where the stack is, in that runtime. ``trace_sample`` is the share of requests
    that are traced, of those whose client sends no trace context; None without traces, and where
    others decide. ``retention`` is the declared one (``30d``), by what it is for; None for what is
    kept.
    """

    project: str
    runtime: RuntimeName
    runtime_why: str
    healthy: bool
    services: tuple[ServiceReport, ...]
    keys: tuple[KeyStatus, ...]
    gateway_url: str
    phoenix_url: str | None
    is_project: bool = True
    next_step: str = ""
    warnings: tuple[str, ...] = ()
    external: tuple[ExternalService, ...] = ()
    kubernetes: ChosenContext | None = None
    trace_sample: float | None = None
    retention: Mapping[str, str | None] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def problem(self) -> NotHealthy | None:
        """Set unless every service is healthy."""
        if self.healthy:
            return None
        if not self.is_project and self.runtime != "external":
            message = "There is no gateway project in this folder."
            return NotHealthy(message, hint=self.next_step)
        unhealthy = [f"{s.service} is {s.health}" for s in self.services if s.health != "healthy"]
        unusable = [each for each in self.external if each.usable is False]
        unhealthy += [f"{each.name} {each.detail}" for each in unusable]
        message = f"The stack is not healthy: {', '.join(unhealthy)}."
        kinds = {each.kind for each in unusable}
        remedies = [ExternalDatabaseUnusable.remedy] if "postgres" in kinds else []
        remedies += [finding_hint("trace_store_unusable")] if kinds - {"postgres"} else []
        return NotHealthy(message, hint=self.next_step or " ".join(remedies))


def status(settings: Settings, resolved: ResolvedRuntime, http: httpx.Client) -> StatusReport:
    """Check everything once. Changes nothing; works with nothing running."""
    services = check_services(settings, resolved.runtime, http)
    stopped = all(service.health == "stopped" for service in services)
    values = read_current_values(settings)
    external = check_external_services(settings, resolved.runtime, http)
    in_cluster = resolved.name == "kubernetes"
    moved = describe_difference(settings) if in_cluster else None
    return StatusReport(
        project=settings.project_name,
        runtime=resolved.name,
        runtime_why=resolved.why,
        healthy=all(service.health == "healthy" for service in services)
        # What was not checked is no fault: LiteLLM's own health depends on its database.
        and all(service.usable is not False for service in external),
        services=services,
        external=external,
        keys=tuple(
            KeyStatus(alias=key.alias, env=key.env, key=values.get(key.env))
            for key in settings.keys
        ),
        gateway_url=settings.gateway_url,
        phoenix_url=settings.traces_page,
        # Containers of a project are found without its files.
        is_project=settings.is_project or not stopped,
        next_step=suggest_next_step(services, resolved.runtime, settings),
        warnings=(*warn_overrides(settings, stored_names(settings)), *([moved] if moved else [])),
        kubernetes=resolve(settings) if in_cluster else None,
        trace_sample=settings.tracing.contents.sample
        if settings.trace_stores and not settings.is_external
        else None,
        retention={
            name: format_period(period) if period else None
            for name, period in (
                ("traces", settings.retention.traces),
                ("spend_logs", settings.retention.spend_logs),
            )
        },
    )
