"""A gateway that others operate: it is asked, and never started, stopped or changed.

Whether it answers is for operations to find out over HTTP. Must not know what a verb wants from
it: what only its owner can do is refused.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, NoReturn

from gatewayctl.errors import ExternallyManaged
from gatewayctl.runtimes.base import (
    Keep,
    LogLine,
    Progress,
    ServiceState,
    Started,
    StartReport,
    Stopped,
    keep_all,
)
from gatewayctl.runtimes.database_shell import DatabaseName, DatabaseShell
from gatewayctl.runtimes.service_change import ServiceChange
from gatewayctl.settings.model import RuntimeName, Secret, Settings

if TYPE_CHECKING:
    from gatewayctl.rendering.plan import RenderedFile


def refuse_external(settings: Settings, what: str) -> NoReturn:
    """Raise ExternallyManaged: ``what`` is what only the owner of the gateway can do."""
    raise ExternallyManaged(
        f"gatewayctl cannot {what} the gateway at {settings.gateway_url}:"
        f" it is operated by others (runtime: external, from {settings.source_of('runtime')})."
    )


class ExternalRuntime:
    """Satisfies ``runtimes.base.Runtime``, without any process of its own."""

    name: RuntimeName = "external"
    apps: tuple[str, ...] = ()
    databases: tuple[DatabaseName, ...] = ()
    data_place = "the gateway's own databases"
    start_seconds = 0.0

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        phoenix = ("phoenix",) if settings.phoenix_url else ()
        self.services: tuple[str, ...] = ("litellm", *phoenix)

    def preflight(self) -> None:
        """Nothing is started, so nothing is in its way."""

    def prepare(self, *, refresh: bool = False) -> Generator[Progress, None, None]:
        self._refuse("start")
        yield

    def start(self, *, timeout: float | None = None) -> Started:
        self._refuse("start")
        yield

    def start_apps(self, *, timeout: float | None = None) -> Started:
        yield from ()
        return StartReport()

    def preview_start(self, files: Sequence[RenderedFile]) -> tuple[ServiceChange, ...]:
        return ()

    def states(self) -> tuple[ServiceState, ...]:
        addresses = {
            "litellm": self._settings.gateway_url,
            "phoenix": self._settings.phoenix_url,
        }
        return tuple(
            ServiceState(service=name, state="unknown", address=addresses[name])
            for name in self.services
        )

    def is_healthy(self, service: str) -> bool | None:
        return None

    def owns_port(self, service: str, port: int) -> bool:
        """Whoever answers at the configured address is meant."""
        return True

    def has_data(self) -> bool:
        return False

    def stop(self, *, remove_data: bool = False) -> Stopped:
        self._refuse("stop")
        yield

    def restart(
        self, services: Sequence[str], *, timeout: float | None = None
    ) -> Generator[Progress, None, None]:
        self._refuse("restart")
        yield

    def last_lines(self, service: str, count: int = 20) -> str:
        return ""

    def logs(
        self,
        services: Sequence[str],
        *,
        tail: int | None,
        since: datetime | None,
        follow: bool,
        keep: Keep = keep_all,
    ) -> Iterator[LogLine]:
        self._refuse("read the logs of")

    def empty_litellm_database(self) -> Generator[Progress, None, None]:
        self._refuse("empty the database of")
        yield

    def find_salt_key(self) -> Secret | None:
        return None

    def shell(self, database: DatabaseName) -> DatabaseShell:
        self._refuse("open the database of")

    def _refuse(self, what: str) -> NoReturn:
        refuse_external(self._settings, what)
