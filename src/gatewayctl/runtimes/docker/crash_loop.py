"""Containers that end again and again, though the engine keeps bringing them back.

Between two ends such a container «runs», so its state alone never says that it fails: the
engine's memory of events does. Owns how many ends are too many.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from gatewayctl.runtimes.docker.docker_cli import DockerCli
from gatewayctl.runtimes.docker.states import Container, describe_exit

ENDS: Final = 2
"""One end and a return is what restarting is for; another one soon after is a failure."""
_WITHIN: Final = timedelta(minutes=5)


def mark_crash_loop(docker: DockerCli, found: Container, now: datetime) -> Container:
    """The container, as failed with its last end if it does not stay up."""
    if found.restarts < ENDS or not found.alive or found.health == "healthy":
        return found
    if found.health is None and (found.uptime(now) or 0.0) > _WITHIN.total_seconds():
        return found
    events = docker.events(found.id, now - _WITHIN)
    ends = [event for event in events if event.get("Action", event.get("status")) == "die"]
    if len(ends) < ENDS:
        return found
    attributes = ends[-1].get("Actor", {}).get("Attributes", {})
    starved = any(event.get("Action", event.get("status")) == "oom" for event in events)
    detail = describe_exit(int(attributes.get("exitCode", 0)), out_of_memory=starved)
    return replace(found, state="failed", detail=detail)
