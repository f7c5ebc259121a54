"""The states of the services of a project, and where they listen on the host."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from gatewayctl.runtimes.base import ServiceState
from gatewayctl.runtimes.docker import states
from gatewayctl.runtimes.docker.states import Container
from gatewayctl.settings.model import Settings

_PORTS: Final = {"litellm": 4000, "phoenix": 6006}
"""Ports in the containers."""


def address_of(settings: Settings, name: str, found: Container | None) -> str | None:
    """Where it listens: until it is recreated, that is not a port that was changed since."""
    configured = {"litellm": settings.ports.litellm, "phoenix": settings.ports.phoenix}.get(name)
    if configured is not None:
        alive = found is not None and found.alive
        port = found.published.get(_PORTS[name]) if found is not None and alive else None
        return f"http://{settings.url_host}:{port or configured}"
    if found is None or not found.ports:
        return None
    where = f"{settings.url_host}:{min(found.ports)}"
    return f"http://{where}" if name in {app.name for app in settings.apps} else where


def describe_service(settings: Settings, name: str, found: Container | None) -> ServiceState:
    """The state of one service or app; ``found`` is None if it has no container."""
    address = address_of(settings, name, found)
    if found is None:
        return ServiceState(service=name, state="stopped", address=address)
    return ServiceState(
        service=name,
        state=found.state,
        pid=found.pid if found.alive else None,
        uptime=found.uptime(datetime.now(UTC)),
        version=states.version(found.image),
        address=address,
        detail=found.detail,
    )
