"""One project of the embedded runtime with a fake supervisord and a fake cluster."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gatewayctl.errors import DatabasePasswordRefused
from gatewayctl.runtimes.base import StartReport
from gatewayctl.runtimes.database_shell import DATABASES, DatabaseName
from gatewayctl.runtimes.embedded.layout import Layout
from gatewayctl.runtimes.embedded.postgres.privileges import PostgresUser
from gatewayctl.runtimes.embedded.runtime import EmbeddedRuntime
from gatewayctl.runtimes.embedded.services import SERVICES
from gatewayctl.runtimes.embedded.supervisor import Process
from gatewayctl.settings.model import Settings
from tests.fakes.driving import report_of
from tests.fakes.projects import MASTER_KEY, project

# No process has this id: the kernel counts to 2^22.
NO_PID = 2**30
ENV = f"""\
LITELLM_MASTER_KEY={MASTER_KEY}
LITELLM_SALT_KEY=sk-salt-0123456789
LITELLM_POSTGRES_PASSWORD=password-of-litellm
POSTGRES_PASSWORD=password-of-phoenix
UI_PASSWORD=password-of-the-ui
"""


@dataclass
class FakeSupervisor:
    """supervisord as a dictionary; ``calls`` are its method calls, in order."""

    states: dict[str, str] | None = None
    calls: list[str] = field(default_factory=list)
    exits: dict[str, str] = field(default_factory=dict)
    loops: dict[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    own_pid: int = NO_PID

    def pid(self) -> int | None:
        return None if self.states is None else self.own_pid

    def launch(self, python: Path, environment: Mapping[str, str], timeout: float = 60) -> None:
        self.calls.append("launch")
        self.environment = environment
        self.states = dict.fromkeys(SERVICES, "stopped")

    def read_environment(self) -> Mapping[str, str]:
        return self.environment

    def processes(self) -> tuple[Process, ...]:
        return tuple(
            Process(service=name, state=state, pid=NO_PID + 1, started=1000.0)  # type: ignore[arg-type]
            for name, state in (self.states or {}).items()
        )

    def last_exit(self, service: str) -> str:
        return self.exits.get(service, "")

    def crash_loop(self, service: str) -> str:
        return self.loops.get(service, "")

    def start(self, service: str) -> None:
        self.calls.append(f"start {service}")
        assert self.states is not None
        self.states[service] = "running"

    def stop(self, service: str) -> None:
        self.calls.append(f"stop {service}")
        assert self.states is not None
        self.states[service] = "stopped"

    def shut_down(self) -> None:
        self.calls.append("shut_down")
        self.states = None

    def remove_socket(self) -> None:
        """There is none."""

    def take_calls(self) -> list[str]:
        """The calls since the last time this was asked."""
        calls, self.calls = self.calls, []
        return calls


@dataclass
class FakeCluster:
    """A PostgreSQL that is ready at once."""

    calls: list[str] = field(default_factory=list)
    dead: bool = False
    takes_logins: bool = True
    refuses: bool = False

    def names(self) -> tuple[DatabaseName, ...]:
        return DATABASES

    def create(self, layout: Layout, user: PostgresUser) -> bool:
        if layout.postgres_data.exists():
            return False
        self.calls.append("create")
        layout.postgres_data.mkdir()
        return True

    def wait(self, *, seconds: float, check_alive: Callable[[], None]) -> None:
        if self.dead:
            check_alive()

    def prepare(self) -> None:
        self.calls.append("prepare")
        if self.refuses:
            raise DatabasePasswordRefused("PostgreSQL refuses POSTGRES_PASSWORD.")

    def set_admin_password(self, layout: Layout, user: PostgresUser) -> None:
        self.calls.append("set_admin_password")
        self.refuses = False

    def recreate(self, name: str) -> None:
        self.calls.append(f"recreate {name}")

    def accepts_login(self, name: str) -> bool:
        return self.takes_logins

    check_login = accepts_login


@dataclass(kw_only=True)
class Stack:
    """One project with its fakes; ``runtime()`` is a new invocation of gatewayctl for it."""

    folder: Path
    supervisor: FakeSupervisor = field(default_factory=FakeSupervisor)
    cluster: FakeCluster = field(default_factory=FakeCluster)
    gateway_yaml: str = ""
    environ: Mapping[str, str] = field(default_factory=dict)

    def settings(self) -> Settings:
        return project(self.folder, self.gateway_yaml, env=ENV, environ=self.environ)

    def runtime(self) -> EmbeddedRuntime:
        runtime = EmbeddedRuntime(self.settings())
        runtime._supervisor = self.supervisor  # type: ignore[assignment]
        runtime._cluster = self.cluster  # type: ignore[assignment]
        return runtime

    @property
    def layout(self) -> Layout:
        return Layout(state_dir=self.folder / ".gatewayctl")

    def up(self) -> StartReport:
        return report_of(self.runtime().start())
