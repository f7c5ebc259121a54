"""The Docker runtime: the stack as containers of one Compose project.

Joins engine, images, compose file and containers into the methods of the Runtime Protocol. Stopping
and reading states need the engine only: they work without a valid compose file or .env. Must not
know what LiteLLM or Phoenix answer over HTTP.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Final

from gatewayctl.errors import RuntimeProblem, ServiceFailed
from gatewayctl.files.json_text import shorten_tracebacks
from gatewayctl.generators import drain
from gatewayctl.rendering.compose import services_of
from gatewayctl.runtimes.base import (
    Keep,
    LogLine,
    Progress,
    ServiceState,
    Started,
    StartReport,
    Stopped,
    keep_all,
    require_known_services,
)
from gatewayctl.runtimes.database_shell import DATABASES, DatabaseName, DatabaseShell
from gatewayctl.runtimes.docker import (
    addresses,
    changes,
    compose,
    concurrent_up,
    conflicts,
    crash_loop,
    images,
    logs,
    mounts,
    passwords,
    preflight,
    states,
    stopping,
    volumes,
)
from gatewayctl.runtimes.docker.database_shell import (
    OWNERS,
    RECREATE_LITELLM,
    SERVICES,
    ContainerShell,
    open_external,
)
from gatewayctl.runtimes.docker.docker_cli import COMPOSE_FILE, DockerCli
from gatewayctl.runtimes.docker.states import Container
from gatewayctl.runtimes.external_database import ExternalDatabase
from gatewayctl.runtimes.image_digests import ImageDigest
from gatewayctl.runtimes.process import map_lines
from gatewayctl.runtimes.releases import PreflightCheck, Release
from gatewayctl.runtimes.service_change import ServiceChange
from gatewayctl.settings.generate import generate_missing_secrets
from gatewayctl.settings.model import RuntimeName, Secret, Settings

if TYPE_CHECKING:
    from gatewayctl.rendering.plan import RenderedFile

_LITELLM: Final = "litellm"
_DATABASE: Final = SERVICES["litellm"]
_DATABASES: Final = frozenset({*SERVICES.values(), "redis"})
"""Inside their containers."""
_FRESH_SECONDS: Final = 0.4
"""How long one inspection of the containers is reused."""
_POSTGRES_SECONDS: Final = 60.0


class DockerRuntime:
    """LiteLLM, Phoenix, their databases and the user's apps as containers."""

    name: RuntimeName = "docker"
    data_place: str = "Docker's volumes"
    # The official images have no compiled Python files: each first start compiles them.
    start_seconds: float = 600
    selectable: bool = True

    def __init__(
        self,
        settings: Settings,
        *,
        docker: DockerCli | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.services: tuple[str, ...] = services_of(settings)
        self.databases = DATABASES if settings.tracing.own else DATABASES[:1]
        self.apps: tuple[str, ...] = tuple(sorted(app.name for app in settings.apps))
        self._settings = settings
        self._clock = clock
        self._sleep = sleep
        self._docker = docker or DockerCli.of(settings)
        self._containers: dict[str, Container] = {}
        self._inspected_at: float | None = None

    def preflight(self) -> None:
        """Require a usable engine with our data, our own name, and ports that are free or ours."""
        passwords.check(self._settings)
        self._docker.check()
        found = self._own_containers()
        if {*SERVICES.values()}.intersection(self.services):
            volumes.require_volumes(self._settings, self._docker)
        conflicts.check_ports(self._settings, found, self._docker)

    def prepare(self, *, refresh: bool = False) -> Generator[Progress, None, None]:
        """Pull the missing images, and build those of the apps."""
        wanted = images.needed_images(self._settings, self.services)
        yield from images.fetch_images(self._docker, self._settings, wanted, refresh=refresh)
        built = [app.name for app in self._settings.apps if app.image is None]
        yield from images.build_images(self._docker, sorted(built))
        if _LITELLM not in self._inspect():
            mounts.check_visible(self._docker, self._settings)
        if external := open_external(self._docker, self._settings):
            yield from ExternalDatabase(name="litellm", shell=external).check()

    def start(self, *, timeout: float | None = None) -> Started:
        """Let Compose start what does not run and recreate what changed, in dependency order."""
        before = self._inspect()
        if self.has_data():
            yield from self._set_passwords()
        return (yield from self._up(self.services, before=before))

    def start_apps(self, *, timeout: float | None = None) -> Started:
        if not self.apps:
            return StartReport()
        return (yield from self._up(self.apps))

    def states(self) -> tuple[ServiceState, ...]:
        found = self._inspect()
        describe = partial(addresses.describe_service, self._settings)
        return tuple(describe(name, found.get(name)) for name in (*self.services, *self.apps))

    def is_healthy(self, service: str) -> bool | None:
        found = self._inspect().get(service)
        return None if found is None or found.health is None else found.health == "healthy"

    def owns_port(self, service: str, port: int) -> bool:
        published = self._docker.publishers(port) if self._inspected_at is None else None
        if published is not None:
            return any(conflicts.is_own(self._settings, each, service) for each in published)
        found = self._inspect().get(service)
        return found is not None and found.alive and port in found.ports

    def has_data(self) -> bool:
        self._own_containers()
        return bool(self._docker.volumes())

    def stop(self, *, remove_data: bool = False) -> Stopped:
        yield from self._wait_for_concurrent_ups()
        everything = self._own_containers()
        temporary = states.parse_temporary(self._docker.containers())
        conflicts.check_name(self._settings, temporary)
        if temporary:
            # The engine does not remove a network that one of them uses.
            self._docker.remove([item.id for item in temporary], data=True)
        ran = self._in_order({item.service for item in everything if item.alive})
        yield from stopping.stop_containers(self._docker, everything, last=_DATABASES)
        if everything:
            self._docker.remove([item.id for item in everything], data=remove_data)
        self._docker.remove_networks()
        if remove_data:
            stopping.remove_volumes(self._docker, self._settings)
        self._forget_containers()
        return ran or (("leftover_containers",) if everything or temporary else ())

    def restart(
        self, services: Sequence[str], *, timeout: float | None = None
    ) -> Generator[Progress, None, None]:
        require_known_services(services, (*self.services, *self.apps))
        before = self._inspect()
        apps = tuple(name for name in self.apps if name in before)
        known = (*self.services, *apps)
        chosen = tuple(name for name in known if not services or name in services)
        yield from self.start()
        yield from self._up(tuple(name for name in chosen if name in self.apps))
        after = self._inspect()
        # What was just created or started has the current settings already.
        same = [s for s in chosen if s in before and after[s].process == before[s].process]
        for service in same:
            yield Progress(subject=service, state="working", detail="restarting")
        if same:
            self._docker.restart(same)
            self._forget_containers()

    def last_lines(self, service: str, count: int = 20) -> str:
        found = self._inspect().get(service)
        return self._docker.last_lines(found.id, count).rstrip() if found else ""

    def logs(
        self,
        services: Sequence[str],
        *,
        tail: int | None,
        since: datetime | None,
        follow: bool,
        keep: Keep = keep_all,
    ) -> Iterator[LogLine]:
        require_known_services(services, (*self.services, *self.apps))
        self._own_containers()
        return logs.read_logs(
            self._docker, services, tail=tail, since=since, follow=follow, keep=keep
        )

    def empty_litellm_database(self) -> Generator[Progress, None, None]:
        if found := self._inspect().get("litellm"):
            yield Progress(subject="litellm", state="working", detail="stopping")
            self._docker.stop([found.id])
        if external := open_external(self._docker, self._settings):
            yield from ExternalDatabase(name="litellm", shell=external).empty()
            return
        yield from self._up((_DATABASE,))
        self._wait_for(_DATABASE)
        yield Progress(subject="database litellm", state="working", detail="dropping")
        self._docker.execute(self._inspect()[_DATABASE].id, RECREATE_LITELLM)
        yield Progress(subject="database litellm", state="ready", detail="empty")

    def preview_start(self, files: Sequence[RenderedFile]) -> tuple[ServiceChange, ...]:
        names = (*self.services, *self.apps)
        generated = generate_missing_secrets(self._settings)
        # `up` recovers it.
        if "LITELLM_SALT_KEY" in generated and (salt_key := self.find_salt_key()):
            generated["LITELLM_SALT_KEY"] = salt_key.reveal()
        return changes.preview_changes(
            self._docker, _compose_text(files), self._inspect(), names, generated=generated
        )

    def release(self, name: str) -> Release:
        return Release(name=name, version=states.version(name))

    def running_release(self) -> Release | None:
        found = self._inspect().get(_LITELLM)
        return None if found is None else self.release(found.image)

    def wanted_release(self) -> Release:
        return self.release(self._settings.images.litellm)

    def fetch_release(self, name: str) -> Generator[Progress, None, None]:
        wanted = [images.Image(name=name, setting="images.litellm")]
        yield from images.fetch_images(self._docker, self._settings, wanted, refresh=False)

    def resolve_digests(self) -> Generator[Progress, None, tuple[ImageDigest, ...]]:
        self._docker.check()
        own = [
            image
            for image in images.needed_images(self._settings, self.services)
            if image.setting.startswith("images.")
        ]
        return (yield from images.resolve_digests(self._docker, self._settings, own))

    def run_preflight(
        self, files: Sequence[RenderedFile]
    ) -> Generator[Progress, None, tuple[PreflightCheck, ...]]:
        text = _compose_text(files)
        return (
            yield from preflight.run_preflight(
                lambda _, args: self._docker.run_once(text, _LITELLM, args)
            )
        )

    def find_salt_key(self) -> Secret | None:
        found = self._inspect().get(_LITELLM)
        value = None if found is None else found.environment.get("LITELLM_SALT_KEY")
        return Secret(value) if value else None

    def shell(self, database: DatabaseName) -> DatabaseShell:
        external = open_external(self._docker, self._settings)
        if database == "litellm" and external is not None:
            return external
        service = SERVICES[database]

        def exec_argv(words: tuple[str, ...]) -> tuple[str, ...]:
            found = self._inspect().get(service)
            if found is None or not found.alive:
                raise RuntimeProblem(f"{service} is not running.")
            return self._docker.exec_argv(found.id, words)

        def start() -> None:
            drain(self._up((service,)))
            self._wait_for(service)

        return ContainerShell(
            database=database,
            exec_argv=exec_argv,
            is_healthy=lambda: self.is_healthy(service) is True,
            start_server=start,
        )

    # Private from here on.

    def _own_containers(self) -> tuple[Container, ...]:
        """All containers of the project. Raises ProjectNameTaken if another folder has its name."""
        found = states.parse_containers(self._docker.containers())
        conflicts.check_name(self._settings, found)
        if not found:
            volumes.require_own_volumes(self._settings, self._docker.volumes())
        return found

    def _inspect(self) -> dict[str, Container]:
        """The project's containers by service, at most a moment old."""
        now = self._clock()
        if self._inspected_at is None or now - self._inspected_at > _FRESH_SECONDS:
            found = states.select_newest(self._own_containers())
            moment = datetime.now(UTC)
            self._containers = {
                service: crash_loop.mark_crash_loop(self._docker, item, moment)
                for service, item in found.items()
            }
            self._inspected_at = now
        return self._containers

    def _forget_containers(self) -> None:
        self._inspected_at = None

    def _set_passwords(self) -> Generator[Progress, None, None]:
        """Give the databases the passwords of .env before a service connects with them."""
        found = self._inspect()
        own = {name: s for name, s in SERVICES.items() if s in self.services}
        if not all(name in found and found[name].alive for name in own.values()):
            yield from self._up(tuple(own.values()))
        for database, service in own.items():
            self._wait_for(service)
            password = passwords.password_of(self._settings, database)
            owner, container = OWNERS[database], self._inspect()[service].id
            if password and passwords.set_password(self._docker, container, owner, password):
                yield Progress(subject=service, state="working", detail="new password")

    def _up(
        self, services: Sequence[str], *, before: Mapping[str, Container] | None = None
    ) -> Started:
        """Let Compose start these services, and report the effect from their containers.

        ``before`` are the containers to compare with, by default the current ones.
        """
        if not services:
            return StartReport()
        yield from self._wait_for_concurrent_ups()
        now = self._inspect()
        before = now if before is None else before
        # The engine waits ever longer before it restarts a crash loop: recreated, it starts now.
        broken = [now[s].id for s in services if s in now and now[s].state == "failed"]
        if broken:
            self._docker.remove(broken, data=False)
        volumes.claim_volumes(self._settings)
        try:
            yield from self._run_up(services)
        finally:
            volumes.record_volumes(self._settings, self._docker)
        self._forget_containers()
        after = self._inspect()
        ran = {name for name in services if name in before and before[name].alive}
        kept = {name for name in ran & set(after) if before[name].process == after[name].process}
        return StartReport.compare(services, ran=ran, kept=kept)

    def _wait_for_concurrent_ups(self) -> Generator[Progress, None, None]:
        yield from concurrent_up.wait_for_concurrent_ups(self._docker, self._clock, self._sleep)
        self._forget_containers()

    def _run_up(self, services: Sequence[str]) -> Generator[Progress, None, None]:
        lines, project = self._docker.up(services), self._settings.project_name
        done = yield from map_lines(lines, lambda line: compose.parse_progress(line, project))
        if done.returncode:
            self._forget_containers()
            raise self._up_failure(done.stdout)

    def _up_failure(self, output: str) -> RuntimeProblem:
        problem = compose.failure(output, self._settings.project_name)
        service = compose.failed_service(output, self._settings.project_name)
        if service is None or not (ending := self.last_lines(service)):
            return problem
        log = shorten_tracebacks(ending)
        return ServiceFailed(f"{problem.message}\nThe last lines of its log:\n{log}")

    def _wait_for(self, database: str) -> None:
        until = self._clock() + _POSTGRES_SECONDS
        while not self.is_healthy(database):
            if self._clock() >= until:
                ending = self.last_lines(database)
                raise ServiceFailed(f"{database} does not become healthy:\n{ending}")
            self._sleep(_FRESH_SECONDS * 1.1)

    def _in_order(self, names: set[str]) -> tuple[str, ...]:
        known = [name for name in (*self.services, *self.apps) if name in names]
        return (*known, *sorted(names.difference(known)))


def _compose_text(files: Sequence[RenderedFile]) -> str:
    return next(file.content for file in files if file.path.name == COMPOSE_FILE)
