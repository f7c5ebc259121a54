"""Where the services of a project listen on the host."""

from __future__ import annotations

from typing import Final

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
