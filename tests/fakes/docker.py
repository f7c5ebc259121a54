"""A Docker engine in memory: satisfies ``runtimes.docker.whales.Docker``."""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

from gatewayctl.errors import RuntimeProblem
from gatewayctl.runtimes.process import Completed

STARTED = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
Lines = Generator[str, None, Completed]
Variables = Mapping[str, str]


def inspected(
    service: str,
    *,
    id: str = "",  # noqa: A002 - as the engine calls it
    project: str = "shop",
    folder: str | None = None,
    status: str = "running",
    health: str | None = None,
    ports: Mapping[int, int] | None = None,
    labels: Mapping[str, str] | None = None,
    policy: str = "unless-stopped",
    started: datetime = STARTED,
    image: str = "postgres:16",
    restarts: int = 0,
    **state: Any,
) -> dict[str, Any]:
    """`docker inspect` of one container, with what the runtime reads of it."""
    own = {
        "com.docker.compose.project": project,
        "com.docker.compose.service": service,
        "com.docker.compose.oneoff": "False",
        **({"com.docker.compose.project.working_dir": folder} if folder else {}),
    }
    running = status in {"running", "paused"}
    checks = {} if health is None else {"Health": {"Status": health, "Log": []}}
    return {
        "Id": id or f"id-{service}",
        "Name": f"/{project}-{service}-1",
        "Image": f"sha256:{image}",
        "RestartCount": restarts,
        "Config": {"Image": image, "Labels": own | dict(labels or {}), "Env": ["A=1"]},
        "HostConfig": {"RestartPolicy": {"Name": policy}},
        "State": {
            "Status": status,
            "Pid": 4000 if running else 0,
            "ExitCode": 0,
            "OOMKilled": False,
            "Error": "",
            "StartedAt": f"{started:%Y-%m-%dT%H:%M:%S}.123456789Z",
            **checks,
            **state,
        },
        "NetworkSettings": {
            "Ports": {
                f"{inside}/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(host)}]
                for host, inside in (ports or {}).items()
            }
        },
    }


@dataclass(kw_only=True)
class FakeDocker:
    """Containers by service. ``differs`` are services whose settings are others now,
    ``anew`` those that a rehearsal makes anew.

    ``calls`` is what was asked that changes something, in order. ``ends`` maps a verb to the words
    with which it fails; ``says`` are lines written while it works. ``elsewhere`` are the processes
    that start it beside us, look by look.
    """

    running: dict[str, dict[str, Any]] = field(default_factory=dict)
    others: list[dict[str, Any]] = field(default_factory=list)
    differs: set[str] = field(default_factory=set)
    images: set[str] = field(default_factory=set)
    kept: tuple[str, ...] = ("shop_litellm_postgres_data",)
    ends: dict[str, str] = field(default_factory=dict)
    says: dict[str, list[str]] = field(default_factory=dict)
    died: list[dict[str, Any]] = field(default_factory=list)
    configured: dict[str, dict[str, Any]] = field(default_factory=dict)
    hashed: dict[str, str] = field(default_factory=dict)
    raising: dict[str, RuntimeProblem] = field(default_factory=dict)
    anew: frozenset[str] = frozenset()
    elsewhere: list[tuple[int, ...]] = field(default_factory=list)
    once: list[Completed] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    looks: int = 0
    made: int = 0
    closed: list[str] = field(default_factory=list)

    def check(self) -> None:
        if "check" in self.raising:
            raise self.raising["check"]

    def containers(self) -> Sequence[dict[str, Any]]:
        self.looks += 1
        if "containers" in self.raising:
            raise self.raising["containers"]
        return list(self.running.values())

    def publishing(self, port: int) -> Sequence[dict[str, Any]]:
        return [
            item
            for item in self.others
            for bindings in item["NetworkSettings"]["Ports"].values()
            if bindings[0]["HostPort"] == str(port)
        ]

    def image_id(self, name: str) -> str | None:
        return f"sha256:{name}" if name in self.images else None

    def config(
        self,
        compose_file: str,
        *,
        interpolate: bool = True,
        generated: Variables = MappingProxyType({}),
    ) -> dict[str, dict[str, Any]]:
        if not interpolate:
            return self.configured
        return {name: self._filled(each, generated) for name, each in self.configured.items()}

    def preview_recreations(
        self,
        compose_file: str,
        services: Sequence[str],
        *,
        generated: Variables = MappingProxyType({}),
    ) -> frozenset[str]:
        return self.anew & frozenset(services)

    def hashes(
        self, compose_file: str, *, generated: Variables = MappingProxyType({})
    ) -> dict[str, str]:
        for each in self.configured.values():
            self._filled(each, generated)
        return self.hashed

    def run_once(self, compose_file: str, service: str, words: Sequence[str]) -> Completed:
        self.calls.append(f"once {service} {' '.join(words)}")
        return self.once.pop(0)

    def pull(self, image: str) -> Lines:
        return self._program("pull", image)

    def build(self, services: Sequence[str]) -> Lines:
        return self._program("build", " ".join(services))

    def up(self, services: Sequence[str]) -> Lines:
        done = yield from self._program("up", " ".join(services))
        if done.returncode == 0:
            for service in services:
                self._bring_up(service)
        return done

    def find_concurrent_ups(self) -> tuple[int, ...]:
        return self.elsewhere.pop(0) if self.elsewhere else ()

    def restart(self, services: Sequence[str]) -> None:
        self.calls.append(f"restart {' '.join(services)}")

    def stop(self, ids: Sequence[str]) -> None:
        self.calls.append(f"stop {' '.join(ids)}")

    def remove(self, ids: Sequence[str], *, data: bool) -> None:
        self.calls.append(f"remove {' '.join(ids)}{' with data' if data else ''}")
        self.running = {s: item for s, item in self.running.items() if item["Id"] not in ids}

    def remove_networks(self) -> None:
        self.calls.append("remove networks")

    def volumes(self) -> tuple[str, ...]:
        return self.kept

    def remove_volumes(self) -> None:
        self.calls.append("remove volumes")
        self.kept = ()

    def execute(self, container: str, words: Sequence[str]) -> None:
        self.calls.append(f"execute {container} {' '.join(words)}")

    def inside(self, container: str, words: Sequence[str]) -> tuple[str, ...]:
        return ("docker", "exec", container, *words)

    def events(self, container: str, since: datetime) -> tuple[dict[str, Any], ...]:
        return tuple(self.died)

    def last_lines(self, container: str, count: int) -> str:
        return "\n".join(self.says.get(container, [])[-count:])

    def logs(
        self, services: Sequence[str], *, tail: int | None, since: datetime | None, follow: bool
    ) -> Lines:
        verb = "follow" if follow else "logs"
        return self._program(verb, f"{' '.join(services)} tail={tail} since={since}")

    def _filled(self, service: dict[str, Any], variables: Variables) -> dict[str, Any]:
        """A service with its variables in place; fails as Compose where a required one is unset."""
        environment = dict(service.get("environment") or {})
        for own, value in environment.items():
            for name in re.findall(r"\$\{(\w+):\?[^}]*\}", str(value)):
                if name not in variables:
                    raise RuntimeProblem(f"required variable {name} is missing a value")
                environment[own] = variables[name]
        return {**service, "environment": environment}

    def _program(self, verb: str, words: str) -> Lines:
        self.calls.append(f"{verb} {words}")
        said = [*self.says.get(verb, []), *self.ends.get(verb, "").splitlines()]
        try:
            yield from said
        except GeneratorExit:
            self.closed.append(verb)
            raise
        code = 1 if verb in self.ends else 0
        return Completed(returncode=code, stdout="\n".join(said), stderr="")

    def _bring_up(self, service: str) -> None:
        known = self.running.get(service)
        same = known is not None and known["State"]["Status"] == "running"
        if same and service not in self.differs:
            return
        self.made += 1
        self.differs.discard(service)
        self.running[service] = inspected(
            service,
            id=f"id-{service}-{self.made}",
            health="healthy",
            started=STARTED + timedelta(seconds=self.made),
        )
