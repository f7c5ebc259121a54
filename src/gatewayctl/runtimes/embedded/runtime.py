"""The embedded runtime: the whole stack from packages, without Docker.

Joins environment, PostgreSQL, supervisord and services into the verbs of the Runtime Protocol.
Must not know what LiteLLM or Phoenix answer over HTTP.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Final

from gatewayctl.errors import DatabasePasswordRefused, ServiceFailed
from gatewayctl.files.folders import require_folder
from gatewayctl.generators import drain
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
from gatewayctl.runtimes.components import SoftwareComponent
from gatewayctl.runtimes.database_shell import DATABASES, DatabaseName, DatabaseShell
from gatewayctl.runtimes.embedded import (
    changes,
    components,
    fingerprints,
    logs,
    network,
    orphans,
    packages,
    releases,
    self_check,
)
from gatewayctl.runtimes.embedded.environment import ROOT, locate, locate_usable
from gatewayctl.runtimes.embedded.fingerprints import Parts
from gatewayctl.runtimes.embedded.layout import Layout
from gatewayctl.runtimes.embedded.links.mounts import check_mounts
from gatewayctl.runtimes.embedded.postgres.addresses import find_used_ports
from gatewayctl.runtimes.embedded.postgres.cluster import Cluster
from gatewayctl.runtimes.embedded.postgres.data_folder import has_cluster
from gatewayctl.runtimes.embedded.postgres.database_shell import (
    EmbeddedShell,
    migrate_external,
    open_external,
)
from gatewayctl.runtimes.embedded.postgres.privileges import choose_postgres_user
from gatewayctl.runtimes.embedded.requirements import require_supported
from gatewayctl.runtimes.embedded.services import (
    SERVICES,
    STOP_SIGNALS,
    inherited_variables,
    needed_ports,
    services_of,
)
from gatewayctl.runtimes.embedded.states import ALIVE, describe_services
from gatewayctl.runtimes.embedded.supervisor import Supervisor, render_config
from gatewayctl.runtimes.external_database import ExternalDatabase
from gatewayctl.runtimes.port_owners import find_owner, port_taken
from gatewayctl.runtimes.ports import is_listening
from gatewayctl.runtimes.releases import PreflightCheck, Release
from gatewayctl.runtimes.self_check import Fault
from gatewayctl.runtimes.service_change import ServiceChange
from gatewayctl.settings.generate import with_generated_secrets
from gatewayctl.settings.model import RuntimeName, Secret, Settings

if TYPE_CHECKING:
    import psutil

    from gatewayctl.rendering.plan import RenderedFile

_LOGGER: Final = logging.getLogger(__name__)
_POSTGRES_SECONDS: Final = 60.0


class EmbeddedRuntime:
    """LiteLLM, Phoenix and one PostgreSQL as processes of this machine."""

    name: RuntimeName = "embedded"
    apps: tuple[str, ...] = ()
    data_place: str = ".gatewayctl/"
    start_seconds: float = 300
    selectable: bool = False

    def __init__(self, settings: Settings) -> None:
        self.services: tuple[str, ...] = services_of(settings)
        self.databases = DATABASES if "phoenix" in self.services else DATABASES[:1]
        self._settings = settings
        self._layout = Layout(state_dir=settings.state_dir)
        self._environment = locate()
        self._supervisor = Supervisor(self._layout)
        self._programs = locate_usable(self._supervisor.read_environment)
        self._cluster = Cluster(environment=self._programs, settings=settings)

    def preflight(self) -> None:
        """Check the machine, and that every port is free or used by our service that needs it."""
        require_supported()
        self._layout.check()
        check_mounts(self._settings)
        needed = needed_ports(self._settings)
        # Looked up before and after: one of our services may be ending or starting just now.
        ours = self._pids()
        listeners = find_used_ports(self._settings, needed)
        if any(listener.pid not in ours for listener in listeners.values()):
            ours |= self._pids()
        others = [found for found in listeners.values() if found.pid not in ours]
        if others:
            raise port_taken({found.port: find_owner(found) for found in others}, needed)

    def prepare(self, *, refresh: bool = False) -> Generator[Progress, None, None]:
        """Install the environment into the user's cache if it is missing."""
        if refresh and self._environment.complete:
            detail = "every package is locked by hash: nothing newer to fetch"
            yield Progress(subject="environment", state="unchanged", detail=detail)
        variables = network.download_variables(self._settings)
        yield from packages.ensure(self._settings, self._environment, variables)
        if self._programs != self._environment:
            self._cluster = Cluster(environment=self._environment, settings=self._settings)
        if external := open_external(self._cluster, self._settings):
            yield from ExternalDatabase(name="litellm", shell=external).check()

    def start(self, *, timeout: float | None = None) -> Started:
        """Start PostgreSQL, then its databases, then LiteLLM and Phoenix side by side."""
        wanted = fingerprints.compute(self._settings)
        running, unchanged = self._running_services(), self._find_unchanged(wanted)
        names = self._cluster.names()
        if unchanged == running == set(self.services) and all(
            map(self._cluster.accepts_login, names)
        ):
            return StartReport(unchanged=self.services)
        started = yield from self._replace(running - unchanged, wanted)
        return StartReport.compare(self.services, ran=running, kept=running - started)

    def start_apps(self, *, timeout: float | None = None) -> Started:
        """Start nothing: applications come as images, so this runtime has none."""
        yield from ()
        return StartReport()

    def preview_start(self, files: Sequence[RenderedFile]) -> tuple[ServiceChange, ...]:
        """Compare the settings that each service was started with to the current ones."""
        if self._supervisor.pid() is None:
            return tuple(ServiceChange(service=name, action="start") for name in self.services)
        # `up` recovers or generates the secrets that .env lacks before it starts anything.
        secrets = self._settings.secrets
        secrets = replace(secrets, salt_key=secrets.salt_key or self.find_salt_key())
        settings = with_generated_secrets(replace(self._settings, secrets=secrets))
        planned = {str(file.path): file.content for file in files}
        return changes.preview_changes(
            fingerprints.load(self._layout),
            fingerprints.compute(settings, planned),
            inherited=self._compute_inherited(settings, planned),
            running=self._running_services(),
            is_supervisor_outdated=self._is_supervisor_outdated(),
        )

    def states(self) -> tuple[ServiceState, ...]:
        versions = self._environment.versions()
        return describe_services(self.services, self._supervisor, versions, self._settings)

    def is_healthy(self, service: str) -> bool | None:
        if service != "postgres":
            return None
        return self._cluster.check_login(self._cluster.names()[0])

    def owns_port(self, service: str, port: int) -> bool:
        tree = orphans.iterate_tree(self._find_pid(service))
        return any(is_listening(each.pid, port) for each in tree)

    def has_data(self) -> bool:
        return has_cluster(self._layout)

    def stop(self, *, remove_data: bool = False) -> Stopped:
        if remove_data:
            self._layout.check()
        pid = self._supervisor.pid()
        # Also those of older settings.
        running = tuple(name for name in SERVICES if name in self._running_services())
        for service in running:
            yield Progress(subject=service, state="working", detail="stopping")
        if pid is not None:
            tree = orphans.process_tree(pid)
            self._supervisor.shut_down()
            orphans.wait_for_exit(tree, seconds=60)
        if left := orphans.find_orphans(self._layout):
            orphans.end_processes(left)
        self._supervisor.remove_socket()
        for service in running:
            yield Progress(subject=service, state="stopped")
        if remove_data:
            self._layout.remove_data()
        return running or (("orphan_processes",) if left else ())

    def restart(
        self, services: Sequence[str], *, timeout: float | None = None
    ) -> Generator[Progress, None, None]:
        require_known_services(services, self.services)
        # Without supervisord nothing runs that could be stopped.
        chosen = () if self._supervisor.pid() is None else tuple(services) or self.services
        yield from self._replace(chosen, fingerprints.compute(self._settings))

    def last_lines(self, service: str, count: int = 20) -> str:
        return logs.last_lines(self._layout.log(service), count)

    def logs(
        self,
        services: Sequence[str],
        *,
        tail: int | None,
        since: datetime | None,
        follow: bool,
        keep: Keep = keep_all,
    ) -> Iterator[LogLine]:
        require_known_services(services, self.services)
        for folder in (self._layout.state_dir, self._layout.logs):
            require_folder(folder)
        files = {name: self._layout.log(name) for name in services or self.services}
        return logs.read_logs(files, tail=tail, since=since, follow=follow, keep=keep)

    def empty_litellm_database(self) -> Generator[Progress, None, None]:
        if self._supervisor.pid() is not None:
            yield Progress(subject="litellm", state="working", detail="stopping")
            self._supervisor.stop("litellm")
        if external := open_external(self._cluster, self._settings):
            yield from ExternalDatabase(name="litellm", shell=external).empty()
            return
        yield from self._start_postgres()
        yield Progress(subject="database litellm", state="working", detail="dropping")
        self._cluster.recreate("litellm")
        yield Progress(subject="database litellm", state="ready", detail="empty")

    def find_salt_key(self) -> Secret | None:
        import psutil

        for process in self._process_tree("litellm")[:1]:
            try:
                value = process.environ().get("LITELLM_SALT_KEY")
            except psutil.Error:
                return None
            return Secret(value) if value else None
        return None

    def shell(self, database: DatabaseName) -> DatabaseShell:
        if database == "litellm" and (external := open_external(self._cluster, self._settings)):
            return external
        return EmbeddedShell(
            cluster=self._cluster,
            database=database,
            runs_here=lambda: "postgres" in self._running_services(),
            start_server=lambda: drain(self._start_postgres()),
        )

    def release(self, name: str) -> Release:
        return releases.read_release(self._environment.root.parent / name)

    def running_release(self) -> Release | None:
        # From LiteLLM's process: supervisord may be older than the last upgrade.
        return releases.find_running(self._process_tree("litellm"), self._environment.root.parent)

    def wanted_release(self) -> Release:
        return releases.read_release(self._environment.root)

    def fetch_release(self, name: str) -> Generator[Progress, None, None]:
        """Install the only release there is: the one this gatewayctl is locked to."""
        yield from self.prepare()

    def run_preflight(
        self, files: Sequence[RenderedFile]
    ) -> Generator[Progress, None, tuple[PreflightCheck, ...]]:
        """Check nothing: gatewayctl itself migrates before LiteLLM starts, and rolls back."""
        yield from ()
        said = "gatewayctl applies each migration in a transaction, and reports one that fails"
        return (PreflightCheck(name="migrations", passed=None, said=said),)

    def list_components(self) -> tuple[SoftwareComponent, ...]:
        return components.list_components(self._environment)

    def find_faults(self) -> tuple[Fault, ...]:
        return self_check.find_faults(self._environment, self._layout, self._supervisor.pid())

    def fix_fault(self, finding: str) -> str:
        pid = self._supervisor.pid()
        return self_check.fix_fault(finding, self._environment, self._layout, pid)

    def _running_services(self) -> set[str]:
        return {p.service for p in self._supervisor.processes() if p.state in ALIVE}

    def _process_tree(self, service: str) -> list[psutil.Process]:
        return orphans.process_tree(self._find_pid(service))

    def _find_pid(self, service: str) -> int | None:
        return next((p.pid for p in self._supervisor.processes() if p.service == service), None)

    def _pids(self) -> set[int]:
        """Our processes, including orphans of a killed supervisord, which start() ends."""
        tree = orphans.process_tree(self._supervisor.pid())
        return {process.pid for process in (*tree, *orphans.find_orphans(self._layout))}

    def _find_unchanged(self, wanted: Mapping[str, Parts]) -> set[str]:
        """Services that run with exactly the current settings, also if they are started again."""
        if self._compute_inherited(self._settings) != wanted:
            return set()
        known = fingerprints.load(self._layout)
        return {name for name in self._running_services() if known.get(name) == wanted.get(name)}

    def _replace(
        self, services: Collection[str], wanted: Mapping[str, Parts]
    ) -> Generator[Progress, None, set[str]]:
        """Stop these services, then start all that do not run; returns what was started."""
        for service in reversed(SERVICES):
            if service in services:
                yield Progress(subject=service, state="working", detail="stopping")
                self._supervisor.stop(service)
        self._ensure_supervisor()
        started = set(self.services) - self._running_services()
        if "postgres" in started:
            yield Progress(subject="postgres", state="working", detail="starting")
        if "postgres" in self.services:
            yield from self._start_postgres()
        if (external := open_external(self._cluster, self._settings)) and "litellm" in started:
            yield Progress(subject="database litellm", state="working", detail="migrations")
            migrate_external(self._cluster, external)
        for service in self.services:
            if service in started and service != "postgres":
                self._supervisor.start(service)
                yield Progress(subject=service, state="working", detail="starting")
        replaced = {service: wanted[service] for service in started}
        fingerprints.save(self._layout, fingerprints.load(self._layout) | replaced)
        return started

    def _compute_inherited(
        self, settings: Settings, files: Mapping[str, str] | None = None
    ) -> dict[str, Parts]:
        """What supervisord would start now: it keeps the environment that it was started with."""
        return fingerprints.compute_inherited(settings, self._supervisor.read_environment(), files)

    def _supervisor_config(self) -> str:
        return render_config(self._layout, self._settings.project_dir, STOP_SIGNALS)

    def _is_supervisor_outdated(self) -> bool:
        if self._supervisor.read_environment().get(ROOT) != str(self._environment.root):
            return True
        return not self._layout.is_configured(self._supervisor_config())

    def _ensure_supervisor(self) -> None:
        """Start supervisord, or replace one that has an outdated configuration or environment."""
        layout, settings = self._layout, self._settings
        layout.make()
        if self._supervisor.pid() is not None:
            is_same = self._compute_inherited(settings) == fingerprints.compute(settings)
            if is_same and not self._is_supervisor_outdated():
                return
            drain(self.stop())
        if left := orphans.wait_until_gone(layout, seconds=2):
            orphans.end_processes(left)
        layout.supervisor_config.write_text(self._supervisor_config(), encoding="utf-8")
        _LOGGER.info("wrote %s", layout.supervisor_config)
        own = {orphans.MARK: str(layout.state_dir), ROOT: str(self._environment.root)}
        variables = inherited_variables(settings) | own
        self._supervisor.launch(self._environment.python("base"), variables)
        # The services restart: nothing that was read about them is valid any longer.
        fingerprints.save(layout, {})

    def _start_postgres(self) -> Generator[Progress, None, None]:
        self._ensure_supervisor()
        if self._cluster.create(self._layout, choose_postgres_user()):
            yield Progress(subject="postgres", state="working", detail="new cluster")
        self._run_postgres()
        yield Progress(subject="postgres", state="working", detail="databases and migrations")
        try:
            self._cluster.prepare()
        except DatabasePasswordRefused:
            # Phoenix connects with the same password: a running one would lose its database.
            if "phoenix" in self._running_services():
                raise
            yield Progress(subject="postgres", state="working", detail="new password")
            self._supervisor.stop("postgres")
            self._cluster.set_admin_password(self._layout, choose_postgres_user())
            self._run_postgres()
            self._cluster.prepare()
        yield Progress(subject="postgres", state="ready")

    def _run_postgres(self) -> None:
        log = self._layout.log("postgres")
        before = logs.measure(log)

        def check_alive() -> None:
            postgres = next(state for state in self.states() if state.service == "postgres")
            if postgres.state == "failed":
                ending = logs.last_lines(log, after=before)
                raise ServiceFailed(f"postgres ended ({postgres.detail}):\n{ending}")

        self._supervisor.start("postgres")
        self._cluster.wait(seconds=_POSTGRES_SECONDS, check_alive=check_alive)
