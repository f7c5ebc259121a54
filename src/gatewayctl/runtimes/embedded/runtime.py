"""The embedded runtime: the whole stack from packages, without Docker.

Joins environment, PostgreSQL, supervisor and services into the verbs of the Runtime Protocol.
Must not know what LiteLLM or Phoenix answer over HTTP.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

from gatewayctl.errors import RuntimeProblem, ServiceFailed, UnknownService
from gatewayctl.generators import drain
from gatewayctl.runtimes.base import (
    LogLine,
    ProcessState,
    Progress,
    ServiceState,
    Started,
    StartReport,
    Stopped,
)
from gatewayctl.runtimes.database_shell import DatabaseName, DatabaseShell
from gatewayctl.runtimes.embedded import fingerprints, install, logs, orphans, releases, self_check
from gatewayctl.runtimes.embedded.database_shell import EmbeddedShell
from gatewayctl.runtimes.embedded.environment import locate
from gatewayctl.runtimes.embedded.fingerprints import SUPERVISOR
from gatewayctl.runtimes.embedded.layout import Layout
from gatewayctl.runtimes.embedded.postgres import Cluster, initialise
from gatewayctl.runtimes.embedded.privileges import unprivileged
from gatewayctl.runtimes.embedded.services import SERVICES, STOP_SIGNALS, inherited
from gatewayctl.runtimes.embedded.supervisor import Process, Supervisor, configuration
from gatewayctl.runtimes.ports import find_listeners, listening_pids, port_taken
from gatewayctl.runtimes.releases import PreflightCheck, Release
from gatewayctl.runtimes.self_check import Fault
from gatewayctl.runtimes.service_change import ServiceAction, ServiceChange
from gatewayctl.settings.generate import with_generated_secrets
from gatewayctl.settings.model import RuntimeName, Secret, Settings

if TYPE_CHECKING:
    from gatewayctl.rendering.plan import RenderedFile

_ALIVE: Final[frozenset[ProcessState]] = frozenset({"running", "starting"})
_POSTGRES_SECONDS: Final = 60.0


class EmbeddedRuntime:
    """LiteLLM, Phoenix and one PostgreSQL as processes of this machine."""

    name: RuntimeName = "embedded"
    services: tuple[str, ...] = SERVICES
    apps: tuple[str, ...] = ()
    data_place: str = ".gatewayctl/"
    selectable: bool = False

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._layout = Layout(state_dir=settings.state_dir)
        self._environment = locate()
        self._supervisor = Supervisor(self._layout)
        self._cluster = Cluster(environment=self._environment, settings=settings)

    def preflight(self) -> None:
        """Every port is free, or held by the service of ours that should hold it."""
        unprivileged()
        ports = self._ports()
        # Asked before and after: a service of ours may be ending just now, or starting.
        ours = self._pids()
        held = find_listeners(self._settings.bind, ports)
        if any(who.pid not in ours for who in held.values()):
            ours |= self._pids()
        strangers = {port: who for port, who in held.items() if who.pid not in ours}
        if strangers:
            raise port_taken(strangers, ports)

    def prepare(self, *, refresh: bool = False) -> Generator[Progress, None, None]:
        """Make the environment in the user's cache if it is missing."""
        if refresh and self._environment.complete:
            detail = "every package is locked by hash: nothing newer to fetch"
            yield Progress(subject="environment", state="unchanged", detail=detail)
        yield from install.ensure(self._environment)

    def start(self) -> Started:
        """PostgreSQL first, then the databases, then LiteLLM and Phoenix side by side."""
        wanted = fingerprints.wanted(self._settings)
        keep = self._unchanged(wanted)
        if keep == set(SERVICES):
            return StartReport(unchanged=SERVICES)
        if self._stale():
            # Another supervisord takes over, and it begins with nothing running.
            keep = set()
        ran = {p.service for p in self._supervisor.processes() if p.state in _ALIVE}
        for service in reversed(SERVICES):
            if service in ran - keep:
                self._supervisor.stop(service)
        yield Progress(subject="postgres", state="working", detail="starting")
        self._ensure_supervisor()
        yield from self._start_postgres()
        for service in SERVICES:
            if service not in keep and service != "postgres":
                self._supervisor.start(service)
                yield Progress(subject=service, state="working", detail="starting")
        fingerprints.remember(self._layout, wanted)
        return StartReport(
            started=tuple(s for s in SERVICES if s not in ran),
            restarted=tuple(s for s in SERVICES if s in ran - keep),
            unchanged=tuple(s for s in SERVICES if s in keep),
        )

    def start_apps(self) -> Started:
        """Applications come as images, so there are none here."""
        yield from ()
        return StartReport()

    def pending(self, files: Sequence[RenderedFile]) -> tuple[ServiceChange, ...]:
        """By the parts that each service was started with."""
        if self._supervisor.pid() is None:
            return tuple(ServiceChange(service=name, action="start") for name in SERVICES)
        alive = {p.service for p in self._supervisor.processes() if p.state in _ALIVE}
        planned = {file.path.name: file.content for file in files}
        # A secret that .env lost is made by `up` before it starts anything.
        complete = with_generated_secrets(self._settings)
        now, before = fingerprints.wanted(complete, planned), fingerprints.known(self._layout)
        for_all = fingerprints.common(before, now)
        reasons = {
            name: for_all or fingerprints.differing(before.get(name), now[name])
            for name in SERVICES
        }
        if self._stale() and (any(reasons.values()) or alive != set(SERVICES)):
            # What start() replaces along with whatever else it has to do, and not for itself.
            reasons = dict.fromkeys(SERVICES, ("gatewayctl itself",))
        return tuple(_pending(name, name in alive, why) for name, why in reasons.items())

    def states(self) -> tuple[ServiceState, ...]:
        known = {process.service: process for process in self._supervisor.processes()}
        versions = self._environment.versions()
        return tuple(self._state(name, known.get(name), versions) for name in SERVICES)

    def healthy(self, service: str) -> bool | None:
        return self._cluster.ready() if service == "postgres" else None

    def owns(self, service: str, port: int) -> bool:
        process = next((p for p in self._supervisor.processes() if p.service == service), None)
        pids = {p.pid for p in orphans.process_tree(process.pid if process else None)}
        return bool(pids & listening_pids(port))

    def has_data(self) -> bool:
        return self._layout.postgres_data.exists()

    def stop(self, *, remove_data: bool = False) -> Stopped:
        pid = self._supervisor.pid()
        ran = tuple(p.service for p in self._supervisor.processes() if p.state in _ALIVE)
        for service in ran:
            yield Progress(subject=service, state="working", detail="stopping")
        if pid is not None:
            family = orphans.process_tree(pid)
            self._supervisor.end()
            orphans.wait_for_exit(family, seconds=60)
        left = orphans.find_orphans(self._layout)
        if left:
            orphans.end_processes(left)
        for service in ran:
            yield Progress(subject=service, state="stopped")
        if remove_data:
            self._remove_data()
        return ran or (("left-over processes",) if left else ())

    def restart(self, services: Sequence[str]) -> Generator[Progress, None, None]:
        self._require_known(services)
        chosen = [name for name in SERVICES if not services or name in services]
        if self._supervisor.pid() is None:
            yield from self.start()
            return
        wanted = fingerprints.wanted(self._settings)
        for service in reversed(chosen):
            yield Progress(subject=service, state="working", detail="stopping")
            self._supervisor.stop(service)
        self._ensure_supervisor()
        running = {p.service for p in self._supervisor.processes() if p.state in _ALIVE}
        yield from self._start_postgres()
        for service in SERVICES:
            # Not the chosen ones alone: a new supervisord begins with nothing running.
            if service not in running and service != "postgres":
                self._supervisor.start(service)
                yield Progress(subject=service, state="working", detail="starting")
        again = {s: wanted[s] for s in SERVICES if s not in running}
        fingerprints.remember(self._layout, fingerprints.known(self._layout) | again)

    def last_lines(self, service: str, count: int = 20) -> str:
        return logs.last_lines(self._layout.log(service), count)

    def logs(
        self, services: Sequence[str], *, tail: int | None, since: datetime | None, follow: bool
    ) -> Iterator[LogLine]:
        self._require_known(services)
        files = {name: self._layout.log(name) for name in services or SERVICES}
        return logs.read(files, tail=tail, since=since, follow=follow)

    def empty_litellm_database(self) -> Generator[Progress, None, None]:
        if self._supervisor.pid() is not None:
            yield Progress(subject="litellm", state="working", detail="stopping")
            self._supervisor.stop("litellm")
        self._ensure_supervisor()
        yield from self._start_postgres()
        yield Progress(subject="database litellm", state="working", detail="dropping")
        self._cluster.empty("litellm")
        yield Progress(subject="database litellm", state="ready", detail="empty")

    def shell(self, database: DatabaseName) -> DatabaseShell:
        return EmbeddedShell(cluster=self._cluster, database=database, begin=self._begin_postgres)

    def release(self, name: str) -> Release:
        return releases.release(self._environment.root.parent / name)

    def running_release(self) -> Release | None:
        # Not the supervisor: it may outlive an upgrade, and runs nothing of LiteLLM.
        process = next((p for p in self._supervisor.processes() if p.service == "litellm"), None)
        family = orphans.process_tree(process.pid if process else None)
        return releases.running(family, self._environment.root.parent)

    def wanted_release(self) -> Release:
        return releases.release(self._environment.root)

    def fetch_release(self, name: str) -> Generator[Progress, None, None]:
        """The one that this gatewayctl is locked to: there is no other."""
        yield from install.ensure(self._environment)

    def run_preflight(
        self, files: Sequence[RenderedFile]
    ) -> Generator[Progress, None, tuple[PreflightCheck, ...]]:
        """Not here: gatewayctl migrates before LiteLLM starts, and takes back what fails."""
        yield from ()
        said = "gatewayctl applies each migration in a transaction, and tells which one fails"
        return (PreflightCheck(name="migrations", passed=None, said=said),)

    def find_faults(self) -> tuple[Fault, ...]:
        return self_check.find_faults(self._environment, self._layout, self._supervisor.pid())

    def cure(self, finding: str) -> str:
        pid = self._supervisor.pid()
        return self_check.fix_fault(finding, self._environment, self._layout, pid)

    # Private from here on.

    def _pids(self) -> set[int]:
        """Our processes, those that a killed supervisor left and start() clears among them."""
        found = (*orphans.process_tree(self._supervisor.pid()), *orphans.find_orphans(self._layout))
        return {process.pid for process in found}

    def _ports(self) -> Mapping[int, tuple[str, str]]:
        """Port → the service that needs it and the name of the setting."""
        ports = self._settings.ports
        return {
            ports.litellm: ("litellm", "ports.litellm"),
            ports.phoenix: ("phoenix", "ports.phoenix"),
            ports.phoenix_grpc: ("phoenix", "ports.phoenix_grpc"),
            ports.postgres_litellm: ("postgres", "ports.postgres_litellm"),
        }

    def _unchanged(self, wanted: Mapping[str, fingerprints.Parts]) -> set[str]:
        """Services that run with exactly the settings of now."""
        if self._supervisor.pid() is None:
            return set()
        known = fingerprints.known(self._layout)
        if known.get(SUPERVISOR) != wanted[SUPERVISOR]:
            return set()
        alive = {p.service for p in self._supervisor.processes() if p.state in _ALIVE}
        return {name for name in SERVICES if name in alive and known.get(name) == wanted[name]}

    def _configuration(self) -> str:
        return configuration(self._layout, self._settings.project_dir, STOP_SIGNALS)

    def _stale(self) -> bool:
        """True when supervisord was not started with today's configuration."""
        config = self._layout.supervisor_config
        return not config.exists() or config.read_text(encoding="utf-8") != self._configuration()

    def _ensure_supervisor(self) -> None:
        """A supervisord of ours with today's configuration; replaces one with another."""
        layout = self._layout
        layout.make()
        stale = self._stale()
        if self._supervisor.pid() is not None:
            known = fingerprints.known(layout).get(SUPERVISOR)
            if not stale and known == fingerprints.wanted(self._settings)[SUPERVISOR]:
                return
            drain(self.stop())
        if left := orphans.wait_until_gone(layout, seconds=2):
            orphans.end_processes(left)
        layout.supervisor_config.write_text(self._configuration(), encoding="utf-8")
        environment = inherited(self._settings) | {orphans.MARK: str(layout.state_dir)}
        self._supervisor.begin(self._environment.python("base"), environment)
        handed_down = fingerprints.wanted(self._settings)[SUPERVISOR]
        fingerprints.remember(layout, {SUPERVISOR: handed_down})

    def _start_postgres(self) -> Generator[Progress, None, None]:
        password = self._settings.secrets.phoenix_postgres_password or Secret("")
        who = unprivileged()
        if initialise(self._environment, self._layout, who, password):
            yield Progress(subject="postgres", state="working", detail="new cluster")
        self._supervisor.start("postgres")
        self._cluster.wait(seconds=_POSTGRES_SECONDS, alive=self._postgres_alive)
        yield Progress(subject="postgres", state="working", detail="databases and migrations")
        self._cluster.prepare()
        yield Progress(subject="postgres", state="ready")

    def _begin_postgres(self) -> None:
        self._ensure_supervisor()
        drain(self._start_postgres())

    def _postgres_alive(self) -> None:
        state = self.states()[0]
        if state.state == "failed":
            raise ServiceFailed(
                f"postgres ended ({state.detail}):\n{logs.last_lines(self._layout.log('postgres'))}"
            )

    def _state(
        self, name: str, process: Process | None, versions: Mapping[str, str]
    ) -> ServiceState:
        address = {
            "litellm": self._settings.gateway_url,
            "phoenix": self._settings.phoenix_url,
            "postgres": f"{self._settings.url_host}:{self._settings.ports.postgres_litellm}",
        }[name]
        alive = process is not None and process.state in _ALIVE
        failed = process is not None and process.state == "failed"
        return ServiceState(
            service=name,
            state="stopped" if process is None else process.state,
            pid=process.pid if process else None,
            uptime=max(time.time() - process.started, 0.0) if process and alive else None,
            version=versions.get(name),
            address=address,
            detail=self._supervisor.last_exit(name) if failed else "",
        )

    def _require_known(self, services: Sequence[str]) -> None:
        for name in services:
            if name not in SERVICES:
                raise UnknownService(
                    f"This project has no service {name!r}.",
                    hint=f"Services: {', '.join(SERVICES)}.",
                )

    def _remove_data(self) -> None:
        layout = self._layout
        for folder in (layout.postgres_home, layout.phoenix_home, layout.litellm_home, layout.run):
            try:
                shutil.rmtree(folder)
            except FileNotFoundError:
                continue
            except OSError as error:
                raise RuntimeProblem(f"Cannot remove {folder}: {error.strerror}.") from error


def _pending(name: str, alive: bool, why: tuple[str, ...]) -> ServiceChange:
    action: ServiceAction = "untouched" if not why else "restart"
    return ServiceChange(service=name, action=action if alive else "start", why=why)
