"""The verb restart: restart services with the current settings and wait until they are healthy."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gatewayctl.errors import UnknownService
from gatewayctl.operations.diagnosis.advisories import require_not_malicious
from gatewayctl.operations.diagnosis.failure import explain_failures
from gatewayctl.operations.diagnosis.health import ServiceReport
from gatewayctl.operations.stack.start import prepare_start
from gatewayctl.operations.stack.wait import wait_ready
from gatewayctl.operations.state.exclusive import change_project
from gatewayctl.operations.state.salt_key import require_same_salt_key
from gatewayctl.operations.traces.retention import RetentionChange, apply_retention
from gatewayctl.runtimes.base import Progress
from gatewayctl.runtimes.registry import ResolvedRuntime
from gatewayctl.runtimes.runtime_marker import record_runtime
from gatewayctl.settings.master_key import require_master_key
from gatewayctl.settings.model import Settings

if TYPE_CHECKING:
    import httpx


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartReport:
    """Which services were restarted, the state of all services, and what changed in Phoenix."""

    restarted: tuple[str, ...]
    services: tuple[ServiceReport, ...]
    warnings: tuple[str, ...] = ()
    retention: RetentionChange | None = None


def restart(
    settings: Settings,
    resolved: ResolvedRuntime,
    http: httpx.Client,
    services: Sequence[str],
    *,
    timeout: float | None = None,
    accepted_risks: Sequence[str] = (),
) -> Generator[Progress, None, RestartReport]:
    """Restart these services, or all. ``accepted_risks`` are ids of advisories.

    Raises UnknownService and ReleaseMalicious before anything is changed.
    """
    require_not_malicious(settings, resolved.name, accepted_risks)
    require_master_key(settings)
    runtime = resolved.runtime
    every = (*runtime.services, *runtime.apps)
    for name in services:
        if name not in every:
            hint = f"Services: {', '.join(every)}."
            raise UnknownService(f"This project has no service {name!r}.", hint=hint)
    with (
        change_project(settings, "restart", " ".join(services)) as change,
        explain_failures(runtime, settings.state_dir),
    ):
        require_same_salt_key(settings)
        rendered = yield from prepare_start(settings, resolved)
        change.state = "Services may be stopped; the data is kept."
        with record_runtime(settings.state_dir, runtime):
            yield from runtime.restart(services, timeout=timeout)
        # Apps that never ran are started by `up`, once their keys exist.
        ran = {state.service for state in runtime.states() if state.state != "stopped"}
        known = (*runtime.services, *(app for app in runtime.apps if app in ran))
        reports = yield from wait_ready(settings, runtime, http, timeout=timeout, names=known)
        retention = apply_retention(settings, http)
    chosen = tuple(name for name in known if not services or name in services)
    return RestartReport(
        restarted=chosen,
        services=reports,
        warnings=(*rendered.warnings, *retention.warnings),
        retention=retention.change,
    )
