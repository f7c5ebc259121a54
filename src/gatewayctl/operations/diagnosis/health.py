"""Whether each service is truly ready: processes and answers joined.

A service is healthy when what it says says so *and* the listener is ours: a stranger on the port
is never taken for the service.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from gatewayctl.runtimes.base import ProcessState, Runtime, ServiceState
from gatewayctl.settings.model import Settings

if TYPE_CHECKING:
    import httpx

_NOT_YET: Final = "does not listen yet"
_UNCHECKED: Final = "its health check has not passed yet"
_ASKED: Final = frozenset({"litellm", "phoenix"})
"""They speak HTTP, so that their own word counts beside the runtime's."""

Health = Literal["healthy", "starting", "unhealthy", "stopped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceReport:
    """One service as ``status`` tells it; ``uptime`` in seconds."""

    service: str
    state: ProcessState
    health: Health
    version: str | None
    address: str | None
    uptime: float | None
    pid: int | None
    detail: str


def check_services(
    settings: Settings, runtime: Runtime, http: httpx.Client
) -> tuple[ServiceReport, ...]:
    """Look at every service once, in dependency order. Never raises for what it finds."""
    return tuple(check_service(state, settings, runtime, http) for state in runtime.states())


def check_service(
    state: ServiceState, settings: Settings, runtime: Runtime, http: httpx.Client
) -> ServiceReport:
    """Look at one service once."""
    health, detail = _health(state, settings, runtime, http)
    return ServiceReport(
        service=state.service,
        # Supervisors call a process starting for a fixed time; one that answers has started.
        state="running" if health == "healthy" else state.state,
        health=health,
        version=state.version,
        address=state.address,
        uptime=state.uptime,
        pid=state.pid,
        detail=detail or state.detail,
    )


def _health(
    state: ServiceState, settings: Settings, runtime: Runtime, http: httpx.Client
) -> tuple[Health, str]:
    if state.state == "stopped":
        return "stopped", ""
    if state.state == "failed":
        return "unhealthy", state.detail
    if state.service in _ASKED:
        return _answering(state, settings, runtime, http)
    known = runtime.is_healthy(state.service)
    if known is None:
        # An app without a health check: that it runs is all there is to know.
        return ("healthy" if state.state == "running" else "starting"), state.detail
    if known:
        return "healthy", ""
    app = state.service in runtime.apps
    return "starting", state.detail or (_UNCHECKED if app else "takes no logins yet")


def _answering(
    state: ServiceState, settings: Settings, runtime: Runtime, http: httpx.Client
) -> tuple[Health, str]:
    """A service that speaks: it says so, it is ours, and its runtime does not deny it."""
    port, ready, detail = _asked(state.service, settings, http)
    if not ready:
        return "starting", detail
    if not runtime.owns_port(state.service, port):
        return "unhealthy", f"port {port} is answered by a process that is not ours"
    if runtime.is_healthy(state.service) is False:
        return "starting", state.detail or f"answers; {_UNCHECKED}"
    return "healthy", detail


def _asked(service: str, settings: Settings, http: httpx.Client) -> tuple[int, bool, str]:
    """Port, readiness and words of a service that speaks HTTP."""
    if service == "litellm":
        from gatewayctl.gateway.health import check_litellm

        said = check_litellm(http, settings.gateway_url)
        detail = _NOT_YET if said.state == "unreachable" else said.detail
        return settings.ports.litellm, said.ready, detail
    from gatewayctl.tracing.health import check_phoenix

    heard = check_phoenix(http, settings.phoenix_url)
    detail = _NOT_YET if heard.state == "unreachable" else heard.detail
    return settings.ports.phoenix, heard.ready, detail
