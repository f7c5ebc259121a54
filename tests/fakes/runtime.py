"""A runtime without processes: its state is a dictionary, its calls are a list."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from gatewayctl.errors import GatewayctlError, UnknownService
from gatewayctl.gateway.client import GatewayClient
from gatewayctl.operations.project.snapshot import Project
from gatewayctl.rendering.plan import RenderedFile
from gatewayctl.runtimes.base import (
    Keep,
    LogLine,
    ProcessState,
    Progress,
    ServiceState,
    Started,
    StartReport,
    Stopped,
    keep_all,
)
from gatewayctl.runtimes.database_shell import DATABASES, DatabaseName
from gatewayctl.runtimes.registry import ResolvedRuntime
from gatewayctl.runtimes.service_change import ServiceChange
from gatewayctl.settings.model import RuntimeName, Secret, Settings
from tests.fakes.database import FakeContent, FakeServer, FakeShell
from tests.fakes.projects import project

SERVICES = ("postgres", "litellm", "phoenix")
_ADDRESSES = {
    "postgres": "127.0.0.1:5433",
    "litellm": "http://127.0.0.1:4000",
    "phoenix": "http://127.0.0.1:6006",
}
_VERSIONS = {"postgres": "16.14", "litellm": "1.106.2", "phoenix": "20.26.1"}


@dataclass(kw_only=True)
class FakeRuntime:
    """Satisfies ``runtimes.base.Runtime``.

    ``processes`` are the current states. ``looks`` are changes to them, one applied before each
    call of ``states()``. ``differs`` are services that run with outdated settings. ``raising`` maps
    a method to what it raises; ``stops_at`` is a method whose generator is interrupted in the
    middle, as by Ctrl-C. ``checks`` maps services that have a health check to its result.
    ``data`` is whether an earlier start left any. ``calls`` are the calls in order.
    """

    name: RuntimeName = "embedded"
    services: tuple[str, ...] = SERVICES
    databases: tuple[DatabaseName, ...] = DATABASES
    apps: tuple[str, ...] = ()
    data_place: str = ".gatewayctl/"
    start_seconds: float = 300
    data: bool = True
    processes: dict[str, ProcessState] = field(
        default_factory=lambda: dict.fromkeys(SERVICES, "stopped")
    )
    pids: dict[str, int] = field(
        default_factory=lambda: {service: 100 + n for n, service in enumerate(SERVICES)}
    )
    uptime: float = 252.0
    looks: list[Mapping[str, ProcessState]] = field(default_factory=list)
    details: dict[str, str] = field(default_factory=dict)
    differs: set[str] = field(default_factory=set)
    reason: str = "litellm_config.yaml"
    takes_logins: bool = True
    checks: dict[str, bool] | None = None
    strangers: set[str] = field(default_factory=set)
    words: dict[str, str] = field(default_factory=dict)
    lines: tuple[LogLine, ...] = ()
    raising: dict[str, GatewayctlError] = field(default_factory=dict)
    stops_at: str | None = None
    salt_key: Secret | None = None
    calls: list[str] = field(default_factory=list)
    server: FakeServer = field(default_factory=FakeServer)

    def __post_init__(self) -> None:
        self.server.runs = lambda: "postgres" in self.running

    @property
    def running(self) -> set[str]:
        return {name for name, state in self.processes.items() if state in {"running", "starting"}}

    def preflight(self) -> None:
        self._called("preflight")

    def prepare(self, *, refresh: bool = False) -> Generator[Progress, None, None]:
        self._called("prepare --refresh" if refresh else "prepare")
        yield Progress(subject="environment", state="ready")

    def start(self, *, timeout: float | None = None) -> Started:
        self._called("start")
        self.data = True
        ran = self.running
        for service in self.services:
            if service not in ran or service in self.differs:
                self.processes[service] = "running"
                yield Progress(subject=service, state="working", detail="starting")
                if self.stops_at == "start":
                    raise KeyboardInterrupt
        report = StartReport.compare(self.services, ran=ran, kept=ran - self.differs)
        self.differs = self.differs.difference(self.services)
        return report

    def start_apps(self, *, timeout: float | None = None) -> Started:
        self._called("start_apps")
        yield from ()
        if self.stops_at == "start_apps":
            raise KeyboardInterrupt
        ran = {app for app in self.apps if self.processes.get(app) == "running"}
        self.processes |= dict.fromkeys(self.apps, "running")
        return StartReport.compare(self.apps, ran=ran, kept=ran - self.differs)

    def preview_start(self, files: Sequence[RenderedFile]) -> tuple[ServiceChange, ...]:
        self._called("preview_start")
        return tuple(self._preview(name) for name in (*self.services, *self.apps))

    def _preview(self, name: str) -> ServiceChange:
        if name not in self.running:
            return ServiceChange(service=name, action="start")
        if name in self.differs:
            return ServiceChange(service=name, action="restart", why=(self.reason,))
        return ServiceChange(service=name, action="untouched")

    def states(self) -> tuple[ServiceState, ...]:
        self._called("states")
        if self.looks:
            self.processes.update(self.looks.pop(0))
        return tuple(self._state(service) for service in (*self.services, *self.apps))

    def is_healthy(self, service: str) -> bool | None:
        if self.checks is not None:
            return self.checks.get(service)
        return self.takes_logins if service == "postgres" else None

    def owns_port(self, service: str, port: int) -> bool:
        return service not in self.strangers

    def has_data(self) -> bool:
        if error := self.raising.get("has_data"):
            raise error
        return self.data

    def stop(self, *, remove_data: bool = False) -> Stopped:
        self._called("stop --remove-data" if remove_data else "stop")
        every = (*self.services, *self.apps)
        ran = tuple(service for service in every if service in self.running)
        for service in ran:
            self.processes[service] = "stopped"
            yield Progress(subject=service, state="stopped")
        return ran

    def restart(
        self, services: Sequence[str], *, timeout: float | None = None
    ) -> Generator[Progress, None, None]:
        self._called(" ".join(("restart", *services)))
        for service in self.services:
            self.processes[service] = "running"
            yield Progress(subject=service, state="working", detail="starting")

    def last_lines(self, service: str, count: int = 20) -> str:
        return "\n".join(self.words.get(service, "").splitlines()[-count:])

    def logs(
        self,
        services: Sequence[str],
        *,
        tail: int | None,
        since: datetime | None,
        follow: bool,
        keep: Keep = keep_all,
    ) -> Iterator[LogLine]:
        self._called(f"logs {' '.join(services) or 'all'} tail={tail} follow={follow}")
        for service in services:
            if service not in self.services:
                raise UnknownService(f"This project has no service {service!r}.")
        chosen = [line for line in self.lines if not services or line.service in services]
        chosen = [line for line in chosen if keep(line.text)]
        return iter(chosen[-tail:] if tail else chosen)

    def empty_litellm_database(self) -> Generator[Progress, None, None]:
        self._called("empty_litellm_database")
        self.processes["litellm"] = "stopped"
        self.server.databases["litellm"] = FakeContent()
        yield Progress(subject="database litellm", state="ready", detail="empty")

    def find_salt_key(self) -> Secret | None:
        return self.salt_key

    def shell(self, database: DatabaseName) -> FakeShell:
        return FakeShell(database=database, server=self.server, begin=self._begin_postgres)

    def _begin_postgres(self) -> None:
        self._called("start postgres")
        self.processes["postgres"] = "running"

    def _called(self, verb: str) -> None:
        self.calls.append(verb)
        if verb in self.raising:
            raise self.raising[verb]

    def _state(self, service: str) -> ServiceState:
        state = self.processes[service]
        alive = service in self.running
        return ServiceState(
            service=service,
            state=state,
            pid=self.pids[service] if alive else None,
            uptime=self.uptime if alive else None,
            version=_VERSIONS.get(service),
            address=_ADDRESSES.get(service),
            detail=self.details.get(service, ""),
        )


def up_and_running(**fields: object) -> FakeRuntime:
    """A runtime whose services run already."""
    runtime = FakeRuntime(processes=dict.fromkeys(SERVICES, "running"))
    for name, value in fields.items():
        setattr(runtime, name, value)
    return runtime


DOCKER_SERVICES = ("postgres-litellm", "postgres-phoenix", "phoenix", "litellm")


def docker_stack(
    *apps: str, state: ProcessState = "running", unchecked: Sequence[str] = (), **fields: object
) -> FakeRuntime:
    """A runtime with Docker's names and health checks; apps in ``unchecked`` have none."""
    every = (*DOCKER_SERVICES, *apps)
    runtime = FakeRuntime(
        name="docker",
        services=DOCKER_SERVICES,
        apps=apps,
        data_place="Docker's volumes",
        start_seconds=600,
        processes=dict.fromkeys(every, state),
        pids={name: 200 + n for n, name in enumerate(every)},
        checks={name: True for name in every if name not in unchecked},
    )
    for name, value in fields.items():
        setattr(runtime, name, value)
    return runtime


def loading(
    settings: Settings, runtime: FakeRuntime, gateway: GatewayClient
) -> Callable[[], Project]:
    """What reads the project of these settings again, with an empty environment."""

    def load() -> Project:
        found = project(settings.project_dir)
        return Project(settings=found, resolved=resolved(runtime), gateway=gateway)

    return load


def resolved(runtime: FakeRuntime) -> ResolvedRuntime:
    return ResolvedRuntime(name=runtime.name, why="the test says so", runtime=runtime)
