"""The state of a service from `docker inspect` of its container; nothing is run here.

Owns the meaning of the inspected fields and of Compose's labels. Must not know which services a
project should have.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal

from gatewayctl.runtimes.base import ProcessState
from gatewayctl.settings.image import split_reference

PROJECT: Final = "com.docker.compose.project"
"""Label with the Compose project of a container, volume or network."""
SERVICE: Final = "com.docker.compose.service"
FOLDER: Final = "com.docker.compose.project.working_dir"
ONE_OFF: Final = "com.docker.compose.oneoff"

EngineHealth = Literal["starting", "healthy", "unhealthy"]
_HEALTHS: Final[dict[str, EngineHealth]] = {
    "starting": "starting",
    "healthy": "healthy",
    "unhealthy": "unhealthy",
}
_RESTARTING_POLICIES: Final = frozenset({"always", "unless-stopped"})
_NEVER: Final = "0001-01-01"
_LONGEST_DETAIL: Final = 160


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """One container of a Compose project.

    ``health`` is None if it has no health check. ``ports`` maps published ports of the host to the
    addresses they listen on, ``published`` those of the container to those of the host.
    ``restarts`` counts the restarts by the engine. ``folder`` is that of its compose file.
    ``environment`` holds secrets: it is only compared, never shown.
    """

    id: str
    name: str
    service: str
    state: ProcessState
    detail: str = ""
    health: EngineHealth | None = None
    pid: int | None = None
    started: datetime | None = None
    image: str = ""
    ports: Mapping[int, str] = field(default_factory=lambda: MappingProxyType({}))
    published: Mapping[int, int] = field(default_factory=lambda: MappingProxyType({}))
    restarts: int = 0
    folder: Path | None = None
    project: str = ""
    image_id: str = ""
    labels: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    environment: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)

    @property
    def process(self) -> tuple[str, datetime | None]:
        """Identifies its process: another one after a recreation or a restart."""
        return self.id, self.started

    @property
    def alive(self) -> bool:
        return self.state in {"running", "starting"}

    def uptime(self, now: datetime) -> float | None:
        """Seconds since its process started; None if it is not running."""
        if not self.alive or self.started is None:
            return None
        return max((now - self.started).total_seconds(), 0.0)


def parse_containers(inspected: Iterable[Mapping[str, Any]]) -> tuple[Container, ...]:
    """Containers from `docker inspect`, without those of `docker compose run`."""
    return tuple(parse_container(item) for item in inspected if not _is_temporary(item))


def parse_temporary(inspected: Iterable[Mapping[str, Any]]) -> tuple[Container, ...]:
    """Those of `docker compose run` alone."""
    return tuple(parse_container(item) for item in inspected if _is_temporary(item))


def parse_container(inspected: Mapping[str, Any]) -> Container:
    """One container from its `docker inspect`."""
    labels = inspected.get("Config", {}).get("Labels") or {}
    state = inspected.get("State", {})
    policy = (inspected.get("HostConfig", {}).get("RestartPolicy") or {}).get("Name", "")
    found, detail = _state(state, policy)
    health = state.get("Health") or {}
    folder = labels.get(FOLDER)
    published = inspected.get("NetworkSettings", {}).get("Ports") or {}
    return Container(
        id=inspected["Id"],
        name=str(inspected.get("Name", "")).lstrip("/"),
        service=labels.get(SERVICE, ""),
        state=found,
        detail=detail or _health_failure(health),
        health=_HEALTHS.get(health.get("Status", "")),
        pid=state.get("Pid") or None,
        started=parse_time(state.get("StartedAt", "")),
        image=inspected.get("Config", {}).get("Image", ""),
        ports=MappingProxyType(_ports(published)),
        published=MappingProxyType(_host_ports(published)),
        restarts=inspected.get("RestartCount", 0),
        folder=Path(folder) if folder else None,
        project=labels.get(PROJECT, ""),
        image_id=inspected.get("Image", ""),
        labels=MappingProxyType(dict(labels)),
        environment=MappingProxyType(_environment(inspected)),
    )


def select_newest(found: Sequence[Container]) -> dict[str, Container]:
    """Select one container per service: prefer one that runs, then the latest."""
    chosen: dict[str, Container] = {}
    for item in found:
        other = chosen.get(item.service)
        if other is None or _rank(item) > _rank(other):
            chosen[item.service] = item
    return chosen


def describe_exit(code: int, *, out_of_memory: bool = False) -> str:
    """How a main process ended, for people."""
    return "out of memory" if out_of_memory else f"exit code {code}"


def version(image: str) -> str | None:
    """The version in an image's name: its tag, else the beginning of its digest, else None."""
    _, tag, digest = split_reference(image)
    return re.sub(r"^(version-|v)(?=\d)", "", tag) or digest[:19] or None


def parse_time(text: str) -> datetime | None:
    """Parse the engine's time, which has nanoseconds; None for its value for «never»."""
    found = re.match(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d{1,6})?\d*(Z|[+-]\d\d:\d\d)?", text)
    if found is None or text.startswith(_NEVER):
        return None
    zone = "+00:00" if found[3] in {None, "Z"} else found[3]
    return datetime.fromisoformat(f"{found[1]}{(found[2] or '.0').ljust(7, '0')}{zone}").astimezone(
        UTC
    )


def _is_temporary(inspected: Mapping[str, Any]) -> bool:
    return (inspected.get("Config", {}).get("Labels") or {}).get(ONE_OFF) == "True"


def _state(state: Mapping[str, Any], policy: str) -> tuple[ProcessState, str]:
    status, code = state.get("Status", ""), int(state.get("ExitCode") or 0)
    ended = describe_exit(code, out_of_memory=bool(state.get("OOMKilled")))
    if status == "running":
        return "running", ""
    if status == "restarting":
        return "starting", ended
    if status == "paused":
        return "stopped", "paused: resume it with `docker unpause`"
    if error := str(state.get("Error") or "").strip():
        return "failed", error[:_LONGEST_DETAIL]
    if status in {"exited", "dead"}:
        # With these policies the engine restarts what exits by itself: this one was stopped.
        failed = code != 0 and policy not in _RESTARTING_POLICIES
        return ("failed" if failed else "stopped"), ended
    return "stopped", ""


def _health_failure(health: Mapping[str, Any]) -> str:
    """The last line of the output of a failing health check."""
    if health.get("Status") != "unhealthy":
        return ""
    outputs = [str(entry.get("Output", "")).strip() for entry in health.get("Log") or []]
    last = outputs[-1].splitlines()[-1] if outputs and outputs[-1] else ""
    return f"health check fails: {last}"[:_LONGEST_DETAIL].removesuffix(": ")


def _ports(published: Mapping[str, Any]) -> dict[int, str]:
    return {
        int(binding["HostPort"]): binding.get("HostIp", "")
        for bindings in published.values()
        for binding in bindings or ()
        if binding.get("HostPort")
    }


def _host_ports(published: Mapping[str, Any]) -> dict[int, int]:
    return {
        int(inside.partition("/")[0]): int(bindings[0]["HostPort"])
        for inside, bindings in published.items()
        if bindings and bindings[0].get("HostPort")
    }


def _environment(inspected: Mapping[str, Any]) -> dict[str, str]:
    pairs = (entry.partition("=") for entry in inspected.get("Config", {}).get("Env") or ())
    return {name: value for name, _, value in pairs}


def _rank(item: Container) -> tuple[bool, datetime]:
    return item.alive, item.started or datetime.min.replace(tzinfo=UTC)
