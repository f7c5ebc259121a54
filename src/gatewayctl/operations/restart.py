"""The verb restart: stop and start services with the settings of now, and wait."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gatewayctl.errors import UnknownService
from gatewayctl.operations.health import ServiceReport
from gatewayctl.operations.lock import held
from gatewayctl.operations.ready import wait_ready
from gatewayctl.operations.render import render
from gatewayctl.runtimes.base import Progress
from gatewayctl.runtimes.registry import ResolvedRuntime
from gatewayctl.settings.master_key import require_master_key
from gatewayctl.settings.model import Settings

if TYPE_CHECKING:
    import httpx


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartReport:
    """Which services were restarted, and how all of them are now."""

    restarted: tuple[str, ...]
    services: tuple[ServiceReport, ...]


def restart(
    settings: Settings,
    resolved: ResolvedRuntime,
    http: httpx.Client,
    services: Sequence[str],
    *,
    timeout: float,
) -> Generator[Progress, None, RestartReport]:
    """Restart these services, or all; raises UnknownService before anything is touched."""
    require_master_key(settings)
    runtime = resolved.runtime
    for name in services:
        if name not in runtime.services:
            known = ", ".join(runtime.services)
            raise UnknownService(f"There is no service {name!r} here.", hint=f"Services: {known}.")
    with held(settings.state_dir, "restart"):
        runtime.preflight()
        render(settings, runtime=resolved.name)
        yield from runtime.prepare()
        yield from runtime.restart(services)
        reports = yield from wait_ready(settings, runtime, http, timeout=timeout)
    chosen = tuple(name for name in runtime.services if not services or name in services)
    return RestartReport(restarted=chosen, services=reports)
