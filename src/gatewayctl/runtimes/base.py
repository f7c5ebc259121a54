"""The Protocol of a runtime, and the values it returns.

Must not know any one runtime, nor what LiteLLM or Phoenix answer over HTTP: a runtime knows
processes; operations add readiness over HTTP.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal, Protocol

from gatewayctl.errors import UnknownService
from gatewayctl.runtimes.database_shell import DatabaseName, DatabaseShell
from gatewayctl.runtimes.service_change import ServiceChange
from gatewayctl.settings.model import RuntimeName, Secret

if TYPE_CHECKING:
    from gatewayctl.rendering.plan import RenderedFile

ProgressState = Literal["working", "ready", "unchanged", "stopped", "failed"]
ProcessState = Literal["running", "starting", "stopped", "failed", "unknown"]
"""``unknown``: the process is not ours to look at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """One step of progress. ``fraction`` is 0…1 if the total is known."""

    subject: str
    state: ProgressState
    detail: str = ""
    fraction: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceState:
    """The state of a service's process; whether it answers is not known here.

    ``uptime`` in seconds; ``address`` is what a person opens or connects to: where it listens, if
    it runs, even if another port is configured since it was started.
    """

    service: str
    state: ProcessState
    version: str | None = None
    address: str | None = None
    uptime: float | None = None
    pid: int | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One line of a service's log; ``at`` is None if the service writes no time."""

    service: str
    text: str
    at: datetime | None = None


Keep = Callable[[str], bool]
"""Whether a line of a log is wanted, by its text."""


def keep_all(_text: str) -> bool:
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class StartReport:
    """What a start did, by service; ``unchanged`` ones ran with the current settings already.

    ``warnings`` are for people.
    """

    started: tuple[str, ...] = ()
    restarted: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @classmethod
    def compare(cls, services: Sequence[str], *, ran: set[str], kept: set[str]) -> StartReport:
        """From the services that ran before the start, and those of them that it left alone."""
        return cls(
            started=tuple(name for name in services if name not in ran),
            restarted=tuple(name for name in services if name in ran - kept),
            unchanged=tuple(name for name in services if name in kept),
        )

    @property
    def changed(self) -> bool:
        return bool(self.started or self.restarted)


Started = Generator[Progress, None, StartReport]
Stopped = Generator[Progress, None, tuple[str, ...]]


class Runtime(Protocol):
    """Runs the services of one project. Created from Settings; every method may be repeated.

    A generator that is closed early (Ctrl-C) leaves no process that it started itself.
    """

    name: RuntimeName
    services: tuple[str, ...]
    """In dependency order: a service depends only on those before it."""
    databases: tuple[DatabaseName, ...]
    """LiteLLM's first; Phoenix's if the project runs a Phoenix."""
    apps: tuple[str, ...]
    """The user's own services; empty if the runtime cannot run them."""
    data_place: str
    """Where keys, spend and traces are kept, as a phrase to follow «stays in»."""
    start_seconds: float
    """How long services are given to become healthy, if the user does not say."""

    def preflight(self) -> None:
        """Check what would make a start fail, before anything is started.

        Raises PortTaken with the owner of each port, RuntimeUnavailable.
        """

    def prepare(self, *, refresh: bool = False) -> Generator[Progress, None, None]:
        """Fetch missing programs or images, with ``refresh`` also newer ones; start nothing.

        Raises ExternalDatabaseUnusable if a database of others takes no login.
        """

    def start(self, *, timeout: float | None = None) -> Started:
        """Start what does not run, and restart what runs with outdated settings.

        Databases of an earlier start get the passwords of .env, whatever they were.
        Returns when every process is up, before it is ready; raises ServiceFailed. ``timeout`` in
        seconds is for a runtime that itself waits until services are ready, and then raises
        NotHealthyInTime. Others ignore it, in the two methods below as well.
        """

    def start_apps(self, *, timeout: float | None = None) -> Started:
        """Start the applications, and restart those whose settings or key changed.

        Call it when the keys are in .env. ``states`` lists the applications after the services.
        """

    def preview_start(self, files: Sequence[RenderedFile]) -> tuple[ServiceChange, ...]:
        """What start() and start_apps() would do after writing these files; changes nothing.

        In the order of ``states``.
        """

    def states(self) -> tuple[ServiceState, ...]:
        """One state per service, then per app, in their order; stopped ones included."""

    def is_healthy(self, service: str) -> bool | None:
        """A service's health as its runtime checks it; None if only HTTP can tell.

        Raises DatabasePasswordRefused for a database that is running with another password.
        """

    def owns_port(self, service: str, port: int) -> bool:
        """True if the listener on ``port`` is a process of that service of this project."""

    def has_data(self) -> bool:
        """True if ``data_place`` holds data, whether or not anything runs."""

    def stop(self, *, remove_data: bool = False) -> Stopped:
        """Stop everything and return what ran; keep data unless ``remove_data``."""

    def restart(
        self, services: Sequence[str], *, timeout: float | None = None
    ) -> Generator[Progress, None, None]:
        """Restart these services, or all if empty, with the current settings."""

    def last_lines(self, service: str, count: int = 20) -> str:
        """The end of a service's log, unmodified; empty if it has none."""

    def logs(
        self,
        services: Sequence[str],
        *,
        tail: int | None,
        since: datetime | None,
        follow: bool,
        keep: Keep = keep_all,
    ) -> Iterator[LogLine]:
        """Log lines in order of time; with ``follow`` they continue until closed.

        ``tail`` counts, for each service, the lines whose text is to be kept.
        """

    def empty_litellm_database(self) -> Generator[Progress, None, None]:
        """Stop LiteLLM and replace its database by an empty one; start no service."""

    def find_salt_key(self) -> Secret | None:
        """The salt key that LiteLLM was started with, if its process or container still has it."""

    def shell(self, database: DatabaseName) -> DatabaseShell:
        """The PostgreSQL client programs of one database's server; starts nothing."""


def require_known_services(services: Sequence[str], known: Sequence[str]) -> None:
    """Raise UnknownService for the first of ``services`` that is not known."""
    for name in services:
        if name not in known:
            raise UnknownService(
                f"This project has no service {name!r}.", hint=f"Services: {', '.join(known)}."
            )
