"""What every runtime promises, and the values it hands on.

Owns the Protocol. Must not know any one runtime, nor what LiteLLM or Phoenix say
over HTTP: a runtime knows processes; readiness over HTTP is joined in operations.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal, Protocol

from gatewayctl.runtimes.database_shell import DatabaseName, DatabaseShell
from gatewayctl.runtimes.service_change import ServiceChange
from gatewayctl.settings.model import RuntimeName

if TYPE_CHECKING:
    from gatewayctl.rendering.plan import RenderedFile

ProgressState = Literal["working", "ready", "unchanged", "stopped", "failed"]
ProcessState = Literal["running", "starting", "stopped", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """One step's news. ``fraction`` is 0…1 where the whole is known."""

    subject: str
    state: ProgressState
    detail: str = ""
    fraction: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceState:
    """A service as its runtime sees it: processes, not answers.

    ``uptime`` in seconds; ``address`` is what a person would open or connect to.
    """

    service: str
    state: ProcessState
    pid: int | None = None
    uptime: float | None = None
    version: str | None = None
    address: str | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One line of a service's log; ``at`` is None where the service writes no time."""

    service: str
    text: str
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StartReport:
    """What a start did, by service; ``unchanged`` ones ran already as they should."""

    started: tuple[str, ...] = ()
    restarted: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        return bool(self.started or self.restarted)


Started = Generator[Progress, None, StartReport]
Stopped = Generator[Progress, None, tuple[str, ...]]


class Runtime(Protocol):
    """Runs the services of one project. Made from Settings; every verb may be repeated.

    A generator closed before its end (Ctrl-C) leaves no process that it started itself.
    """

    name: RuntimeName
    services: tuple[str, ...]
    """In dependency order: a service needs only those before it."""
    apps: tuple[str, ...]
    """The user's own services; none where the runtime cannot run them."""
    data_place: str
    """Where keys, spend and traces are kept, in words that fit behind «stays in»."""

    def preflight(self) -> None:
        """Find what would make a start fail, before anything is started.

        Raises PortTaken naming who holds each port, RuntimeUnavailable.
        """

    def prepare(self, *, refresh: bool = False) -> Generator[Progress, None, None]:
        """Fetch programs or images that are missing, or newer with ``refresh``; start nothing."""

    def start(self) -> Started:
        """Start what does not run, restart what runs with other settings than now.

        Returns when every process is up, which is not yet ready; raises ServiceFailed.
        """

    def start_apps(self) -> Started:
        """Start the applications, restart those whose settings or key are others now.

        Asked for after the keys are in .env; their states are in ``states`` after the services.
        """

    def preview_start(self, files: Sequence[RenderedFile]) -> tuple[ServiceChange, ...]:
        """What start() and start_apps() would do, once these files were written.

        In the order of ``states``; changes nothing.
        """

    def states(self) -> tuple[ServiceState, ...]:
        """One state per service, then per app, in their order; stopped ones included."""

    def is_healthy(self, service: str) -> bool | None:
        """What the runtime knows of a service's health; None where HTTP has to be asked."""

    def owns_port(self, service: str, port: int) -> bool:
        """True when the listener on ``port`` is a process of that service of ours."""

    def has_data(self) -> bool:
        """Whether anything is kept in ``data_place``, whatever runs."""

    def stop(self, *, remove_data: bool = False) -> Stopped:
        """Stop everything and hand back what ran; data stays unless told otherwise."""

    def restart(self, services: Sequence[str]) -> Generator[Progress, None, None]:
        """Stop and start these services with the settings of now."""

    def last_lines(self, service: str, count: int = 20) -> str:
        """The end of a service's log, as it is; empty where there is none."""

    def logs(
        self, services: Sequence[str], *, tail: int | None, since: datetime | None, follow: bool
    ) -> Iterator[LogLine]:
        """Lines in order of time; with ``follow`` it goes on until closed."""

    def empty_litellm_database(self) -> Generator[Progress, None, None]:
        """Stop LiteLLM and give it a database without any data; start nothing."""

    def shell(self, database: DatabaseName) -> DatabaseShell:
        """The PostgreSQL client programs of one database's server; nothing is started here."""
