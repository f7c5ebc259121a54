"""Checks whether each service is healthy, from its process and its answers.

A service is healthy if its answer says so *and* its own process listens: another process on the
port is never mistaken for the service.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from gatewayctl.errors import DatabasePasswordRefused
from gatewayctl.runtimes.base import Runtime, ServiceState
from gatewayctl.settings.model import Settings

if TYPE_CHECKING:
    import httpx

_NOT_YET: Final = "does not listen yet"
_UNCHECKED: Final = "its health check has not passed yet"
_HTTP_SERVICES: Final = frozenset({"litellm", "phoenix"})
"""Their own answer counts as well as the runtime's state."""

Health = Literal["healthy", "starting", "unhealthy", "stopped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceReport(ServiceState):
    """The state of one service, and whether it is ready."""

    health: Health


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
    if health == "healthy" and runtime.name == "external":
        state = replace(state, version=_ask_version(state.service, settings, http))
    if health == "healthy":
        # A supervisor reports «starting» for a fixed time; a service that answers has started.
        state = replace(state, state="running")
    state = replace(state, detail=detail or state.detail)
    return ServiceReport(**asdict(state), health=health)


def _ask_version(service: str, settings: Settings, http: httpx.Client) -> str | None:
    """The version of a service that has no process or image of ours."""
    if service == "phoenix":
        from gatewayctl.tracing.health import check_phoenix

        return check_phoenix(http, settings.phoenix_url).version
    from gatewayctl.gateway.client import GatewayClient
    from gatewayctl.gateway.health import read_version

    master = settings.secrets.master_key
    return (
        None if master is None else read_version(GatewayClient(http, settings.gateway_url), master)
    )


def _determine_health(
    state: ServiceState, settings: Settings, runtime: Runtime, http: httpx.Client
) -> tuple[Health, str]:
    if state.state == "stopped":
        return "stopped", ""
    if state.state == "failed":
        return "unhealthy", state.detail
    if state.service in _HTTP_SERVICES:
        return _check_http_service(state, settings, runtime, http)
    return _check_by_runtime(state, settings, runtime)


def _check_by_runtime(
    state: ServiceState, settings: Settings, runtime: Runtime
) -> tuple[Health, str]:
    """Healthy if the runtime's own check passes; for a database that is a login."""
    try:
        known = runtime.is_healthy(state.service)
    except DatabasePasswordRefused as error:
        return "unhealthy", error.message
    if known:
        return "healthy", ""
    if known is None:
        # An app without a health check: only whether it runs is known.
        return ("healthy" if state.state == "running" else "starting"), state.detail
    if moved := _describe_move(state, settings):
        return "unhealthy", moved
    app = state.service in runtime.apps
    return "starting", state.detail or (_UNCHECKED if app else "accepts no connections yet")


def _check_http_service(
    state: ServiceState, settings: Settings, runtime: Runtime, http: httpx.Client
) -> tuple[Health, str]:
    """Healthy if it answers, its own process listens, and the runtime does not disagree."""
    port, ready, detail = _probe(state.service, settings, http)
    if not ready and runtime.name == "external":
        # Whether it is starting, only its owner knows.
        return "unhealthy", "does not answer" if detail == _NOT_YET else detail
    if not ready:
        moved = _describe_move(state, settings)
        return ("unhealthy", moved) if moved else ("starting", state.detail or detail)
    if not runtime.owns_port(state.service, port):
        return "unhealthy", f"port {port} is used by another process"
    if runtime.is_healthy(state.service) is False:
        return "starting", state.detail or f"answers; {_UNCHECKED}"
    return "healthy", detail


def _describe_move(state: ServiceState, settings: Settings) -> str:
    """Describe a port that was changed since the service was started; empty if none was."""
    database = settings.ports.postgres_litellm
    # Only its port can differ: it listens on loopback, whatever `bind` is.
    host = (state.address or "").rpartition(":")[0]
    configured = {
        "litellm": settings.gateway_url,
        "phoenix": settings.phoenix_url,
        "postgres": None if database is None else f"{host}:{database}",
    }.get(state.service)
    if configured is None or state.address in {None, configured}:
        return ""
    return f"still runs at {state.address}; the current settings are {configured}"


def _probe(service: str, settings: Settings, http: httpx.Client) -> tuple[int, bool, str]:
    """Return port, readiness and detail of an HTTP service."""
    if service == "litellm":
        from gatewayctl.gateway.health import check_litellm

        litellm = check_litellm(http, settings.gateway_url)
        detail = _NOT_YET if litellm.state == "unreachable" else litellm.detail
        return settings.ports.litellm, litellm.ready, detail
    from gatewayctl.tracing.health import check_phoenix

    phoenix = check_phoenix(http, settings.phoenix_url)
    detail = _NOT_YET if phoenix.state == "unreachable" else phoenix.detail
    return settings.ports.phoenix, phoenix.ready, detail
