"""A Docker engine in memory."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from gatewayctl.errors import RuntimeProblem
from gatewayctl.runtimes.docker.docker_cli import NO_VARIABLES, DockerCli, Lines, Variables
from gatewayctl.runtimes.process import Completed

STARTED = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)


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
    """`docker inspect` of one container, with what the runtime reads."""
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
class FakeDocker(DockerCli):
    """Containers by service, in ``running``.

    ``differs`` are services whose settings changed, ``recreations`` those that a dry run would
    recreate. ``calls`` are the changes that were requested, in order. ``ends`` maps a verb to the
    output with which it fails, ``says`` to the lines it prints. ``concurrent`` are the processes
    that start the project beside us, one tuple for each time they are looked for. ``temporary``
    are containers of `docker compose run`. ``kept`` are the
    volumes. ``digests`` are those of local images, by name, and ``registry`` those that a pull
    brings. ``published`` are the labels of the containers that publish a port, None if the engine
    cannot be asked for them. ``blind`` is the error with which no file can be read. ``identity`` is
    the id of the engine at ``endpoint``.
    """

    running: dict[str, dict[str, Any]] = field(default_factory=dict)
    others: list[dict[str, Any]] = field(default_factory=list)
    temporary: list[dict[str, Any]] = field(default_factory=list)
    differs: set[str] = field(default_factory=set)
    images: set[str] = field(default_factory=set)
    kept: list[str] = field(default_factory=list)
    digests: dict[str, tuple[str, ...]] = field(default_factory=dict)
    registry: dict[str, tuple[str, ...]] = field(default_factory=dict)
    ends: dict[str, str] = field(default_factory=dict)
    says: dict[str, list[str]] = field(default_factory=dict)
    died: list[dict[str, Any]] = field(default_factory=list)
    configured: dict[str, dict[str, Any]] = field(default_factory=dict)
    hashed: dict[str, str] = field(default_factory=dict)
    raising: dict[str, RuntimeProblem] = field(default_factory=dict)
    recreations: frozenset[str] = frozenset()
    concurrent: list[tuple[int, ...]] = field(default_factory=list)
    once: list[Completed] = field(default_factory=list)
    verifiers: dict[str, str] = field(default_factory=dict)
    blind: str = ""
    calls: list[str] = field(default_factory=list)
    looks: int = 0
    made: int = 0
    closed: list[str] = field(default_factory=list)
    published: list[Mapping[str, str]] | None = None
    endpoint: str = "unix:///var/run/docker.sock"
    identity: str | None = "engine-1"

    def check(self) -> None:
        if "check" in self.raising:
            raise self.raising["check"]

    def engine_id(self) -> str | None:
        return self.identity

    def containers(self) -> Sequence[dict[str, Any]]:
        self.looks += 1
        if "containers" in self.raising:
            raise self.raising["containers"]
        return [*self.running.values(), *self.temporary]

    def containers_publishing(self, port: int) -> Sequence[dict[str, Any]]:
        return [
            item
            for item in self.others
            for bindings in item["NetworkSettings"]["Ports"].values()
            if bindings[0]["HostPort"] == str(port)
        ]

    def publishers(self, port: int) -> list[Mapping[str, str]] | None:
        return self.published

    def image_id(self, name: str) -> str | None:
        # The id of an image that was pulled follows from its digest.
        digest = "".join(self.digests.get(name, ()))
        return f"sha256:{name}{digest}" if name in self.images else None

    def repo_digests(self, name: str) -> tuple[str, ...]:
        return self.digests.get(name, ())

    def remove_image(self, name: str) -> None:
        self.calls.append(f"remove image {name}")
        self.images.discard(name)

    def compose_services(
        self,
        compose_file: str,
        *,
        interpolate: bool = True,
        generated: Variables = NO_VARIABLES,
    ) -> dict[str, dict[str, Any]]:
        if not interpolate:
            return self.configured
        return {name: self._interpolate(each, generated) for name, each in self.configured.items()}

    def preview_recreations(
        self,
        compose_file: str,
        services: Sequence[str],
        *,
        generated: Variables = NO_VARIABLES,
    ) -> frozenset[str]:
        return self.recreations & frozenset(services)

    def service_hashes(
        self, compose_file: str, *, generated: Variables = NO_VARIABLES
    ) -> dict[str, str]:
        for each in self.configured.values():
            self._interpolate(each, generated)
        return self.hashed

    def run_once(
        self,
        compose_file: str,
        service: str,
        args: Sequence[str],
        *,
        entrypoint: str = "",
        generated: Variables = NO_VARIABLES,
        timeout: float = 600,
    ) -> Completed:
        self.calls.append(f"once {service} {' '.join(args)}")
        return self.once.pop(0)

    def read_file(self, image: str, file: Path) -> Completed:
        return Completed(returncode=1 if self.blind else 0, stdout="", stderr=self.blind)

    def pull(self, image: str) -> Lines:
        done = yield from self._run_program("pull", image)
        if done.returncode == 0:
            self.images.add(image)
            self.digests[image] = self.registry.get(image, ())
        return done

    def build(self, services: Sequence[str]) -> Lines:
        return self._run_program("build", " ".join(services))

    def up(self, services: Sequence[str]) -> Lines:
        done = yield from self._run_program("up", " ".join(services))
        if done.returncode == 0:
            self.kept = self.kept or ["shop_litellm_postgres_data"]
            for service in services:
                self._bring_up(service)
        return done

    def find_concurrent_ups(self) -> tuple[int, ...]:
        return self.concurrent.pop(0) if self.concurrent else ()

    def restart(self, services: Sequence[str]) -> None:
        self.calls.append(f"restart {' '.join(services)}")

    def stop(self, ids: Sequence[str]) -> None:
        self.calls.append(f"stop {' '.join(ids)}")

    def remove(self, ids: Sequence[str], *, data: bool) -> None:
        self.calls.append(f"remove {' '.join(ids)}{' with data' if data else ''}")
        self.running = {s: item for s, item in self.running.items() if item["Id"] not in ids}
        self.temporary = [item for item in self.temporary if item["Id"] not in ids]

    def remove_networks(self) -> None:
        if any(item["State"]["Status"] == "running" for item in self.containers()):
            raise RuntimeProblem("Docker cannot remove the network: it has active endpoints")
        self.calls.append("remove networks")

    def volumes(self) -> list[str]:
        return self.kept

    def remove_volumes(self) -> None:
        self.calls.append("remove volumes")
        self.kept = []

    def execute(self, container: str, words: Sequence[str]) -> None:
        self.calls.append(f"execute {container} {' '.join(words)}")

    def ask_database(self, container: str, user: str, sql: str) -> tuple[str, ...]:
        """Each role has one password, in ``verifiers``; a role that is not there has another."""
        assert "password-" not in sql
        if found := re.fullmatch(r"alter role (\w+) password '(.+)';", sql):
            self.calls.append(f"new password of {found[1]}")
            self.verifiers[found[1]] = found[2]
            return ()
        return (self.verifiers.get(user, ""),)

    def exec_argv(self, container: str, words: Sequence[str]) -> tuple[str, ...]:
        return ("docker", "exec", container, *words)

    def events(self, container: str, since: datetime) -> tuple[dict[str, Any], ...]:
        return tuple(self.died)

    def last_lines(self, container: str, count: int) -> str:
        return "\n".join(self.says.get(container, [])[-count:])

    def logs(
        self, services: Sequence[str], *, tail: int | None, since: datetime | None, follow: bool
    ) -> Lines:
        verb = "follow" if follow else "logs"
        return self._run_program(verb, f"{' '.join(services)} tail={tail} since={since}")

    def _interpolate(self, service: dict[str, Any], variables: Variables) -> dict[str, Any]:
        """A service with variables replaced; fails as Compose does if a required one is unset."""
        environment = dict(service.get("environment") or {})
        for own, value in environment.items():
            for name in re.findall(r"\$\{(\w+):\?[^}]*\}", str(value)):
                if name not in variables:
                    raise RuntimeProblem(f"required variable {name} is missing a value")
                environment[own] = variables[name]
        return {**service, "environment": environment}

    def _run_program(self, verb: str, words: str) -> Lines:
        self.calls.append(f"{verb} {words}")
        output = [*self.says.get(verb, []), *self.ends.get(verb, "").splitlines()]
        try:
            yield from output
        except GeneratorExit:
            self.closed.append(verb)
            raise
        code = 1 if verb in self.ends else 0
        return Completed(returncode=code, stdout="\n".join(output), stderr="")

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
