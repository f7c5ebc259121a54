"""Checks whether each service is healthy, from its process and its answers.

A service is healthy if its answer says so *and* its own process listens: another process on the
port is never mistaken for the service.
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
"""They speak HTTP, so their own answer counts beside the runtime's state."""

Health = Literal["healthy", "starting", "unhealthy", "stopped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceReport:
    """The state of one service; ``uptime`` in seconds."""

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
    """Check every service once, in dependency order. Failures are part of the reports."""
    return tuple(check_service(state, settings, runtime, http) for state in runtime.states())


def check_service(
    state: ServiceState, settings: Settings, runtime: Runtime, http: httpx.Client
) -> ServiceReport:
    """Check one service once."""
    health, detail = _determine_health(state, settings, runtime, http)
    return ServiceReport(
        service=state.service,
        # A supervisor reports «starting» for a fixed time; a service that answers has started.
        state="running" if health == "healthy" else state.state,
        health=health,
        version=state.version,
        address=state.address,
        uptime=state.uptime,
        pid=state.pid,
        detail=detail or state.detail,
    )


def _determine_health(
    state: ServiceState, settings: Settings, runtime: Runtime, http: httpx.Client
) -> tuple[Health, str]:
    if state.state == "stopped":
        return "stopped", ""
    if state.state == "failed":
        return "unhealthy", state.detail
    if state.service in _ASKED:
        return _check_http_service(state, settings, runtime, http)
    known = runtime.is_healthy(state.service)
    if known is None:
        # An app without a health check: only whether it runs is known.
        return ("healthy" if state.state == "running" else "starting"), state.detail
    if known:
        return "healthy", ""
    app = state.service in runtime.apps
    return "starting", state.detail or (_UNCHECKED if app else "takes no logins yet")


def _check_http_service(
    state: ServiceState, settings: Settings, runtime: Runtime, http: httpx.Client
) -> tuple[Health, str]:
    """Healthy if it answers, its own process listens, and the runtime does not contradict."""
    port, ready, detail = _ask(state.service, settings, http)
    if not ready:
        return "starting", detail
    if not runtime.owns_port(state.service, port):
        return "unhealthy", f"port {port} is answered by a process that is not ours"
    if runtime.is_healthy(state.service) is False:
        return "starting", state.detail or f"answers; {_UNCHECKED}"
    return "healthy", detail


def _ask(service: str, settings: Settings, http: httpx.Client) -> tuple[int, bool, str]:
    """Return port, readiness and detail of an HTTP service."""
    if service == "litellm":
        from gatewayctl.gateway.health import check_litellm

        said = check_litellm(http, settings.gateway_url)
        detail = _NOT_YET if said.state == "unreachable" else said.detail
        return settings.ports.litellm, said.ready, detail
    from gatewayctl.tracing.health import check_phoenix

    heard = check_phoenix(http, settings.phoenix_url)
    detail = _NOT_YET if heard.state == "unreachable" else heard.detail
    return settings.ports.phoenix, heard.ready, detail
