"""Containers in a crash loop: their main process exits again after every restart.

Between two exits the engine reports such a container as running; only its events show that it
fails. Owns how many exits are too many.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from gatewayctl.runtimes.docker.docker_cli import DockerCli
from gatewayctl.runtimes.docker.states import Container, describe_exit

EXITS: Final = 2
"""One exit is what the restart policy is for; another one soon after is a failure."""
_WITHIN: Final = timedelta(minutes=5)


def mark_crash_loop(docker: DockerCli, found: Container, now: datetime) -> Container:
    """Return the container, as failed with its last exit if it does not stay up."""
    if found.restarts < EXITS or not found.alive or found.health == "healthy":
        return found
    if found.health is None and (found.uptime(now) or 0.0) > _WITHIN.total_seconds():
        return found
    events = docker.events(found.id, now - _WITHIN)
    exits = [event for event in events if _kind(event) in {"die", "died"}]
    if len(exits) < EXITS:
        return found
    attributes = exits[-1].get("Actor", {}).get("Attributes", {})
    code = attributes.get("exitCode", exits[-1].get("ContainerExitCode", 0))
    starved = any(_kind(event) == "oom" for event in events)
    detail = describe_exit(int(code), out_of_memory=starved)
    return replace(found, state="failed", detail=detail)


def _kind(event: Mapping[str, Any]) -> str:
    """What happened; Podman's own program has another name for the field than its engine."""
    return str(event.get("Action") or event.get("status") or event.get("Status"))
