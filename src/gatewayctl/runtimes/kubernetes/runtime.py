"""The Kubernetes runtime: the stack as workloads in a namespace of a cluster.

Joins rendered objects, rollouts and pods into the methods of the Runtime Protocol. Must not know
what LiteLLM or Phoenix answer over HTTP, nor how they are reached from this machine.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from datetime import datetime
from functools import cached_property, partial
from typing import TYPE_CHECKING, Final

from gatewayctl.generators import drain
from gatewayctl.rendering.kubernetes.labels import project_labels, service_labels
from gatewayctl.rendering.kubernetes.services import MIGRATION, services_of
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
from gatewayctl.runtimes.docker import passwords
from gatewayctl.runtimes.docker.database_shell import OWNERS, SERVICES, ContainerShell
from gatewayctl.runtimes.docker.preflight import run_preflight
from gatewayctl.runtimes.docker.states import version
from gatewayctl.runtimes.external_database import ExternalDatabase
from gatewayctl.runtimes.kubernetes import access, context, logs, preflight, removal
from gatewayctl.runtimes.kubernetes.database_client import open_external
from gatewayctl.runtimes.kubernetes.database_shell import ask_database, open_shell
from gatewayctl.runtimes.kubernetes.kubectl import Kubectl, Object
from gatewayctl.runtimes.kubernetes.objects import Declared, keep_supported, read_objects
from gatewayctl.runtimes.kubernetes.one_off import run_in_pod
from gatewayctl.runtimes.kubernetes.preview import preview
from gatewayctl.runtimes.kubernetes.rollouts import states
from gatewayctl.runtimes.kubernetes.rollouts.deadline import Deadline
from gatewayctl.runtimes.kubernetes.rollouts.snapshot import Snapshot, read_snapshot
from gatewayctl.runtimes.kubernetes.secrets import read_value
from gatewayctl.runtimes.kubernetes.starting import Starter
from gatewayctl.runtimes.kubernetes.stopping import remove_workloads, stop
from gatewayctl.runtimes.process import Completed
from gatewayctl.runtimes.releases import PreflightCheck, Release
from gatewayctl.runtimes.service_change import ServiceChange
from gatewayctl.settings.generate import with_generated_secrets
from gatewayctl.settings.model import RuntimeName, Secret, Settings

if TYPE_CHECKING:
    from gatewayctl.rendering.plan import RenderedFile

_LITELLM: Final = "litellm"
_PREFLIGHT_SECONDS: Final = 600.0
_FRESH_SECONDS: Final = 1.0
"""How long one reading of the cluster is reused: each is a run of kubectl."""


class KubernetesRuntime:
    """LiteLLM, Phoenix, their databases and the user's apps as pods."""

    name: RuntimeName = "kubernetes"
    data_place: str = "the cluster's volumes"
    start_seconds: float = 600
    selectable: bool = True

    def __init__(
        self,
        settings: Settings,
        *,
        kubectl: Kubectl | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.services = tuple(name for name in services_of(settings) if name != MIGRATION)
        self.databases = DATABASES if settings.tracing.own else DATABASES[:1]
        self.apps: tuple[str, ...] = tuple(sorted(app.name for app in settings.apps))
        self._settings = settings
        self._given = kubectl
        self._clock = clock
        self._sleep = sleep
        self._snapshot = Snapshot()
        self._read_at: float | None = None

    def preflight(self) -> None:
        """Require a cluster that answers, the rights, and names that are free."""
        declared = self._settings.kubernetes
        # Elsewhere the pods have another one: that of the operator, or of a Secret that exists.
        if declared.postgres == "statefulset" and declared.secrets_from is None:
            passwords.check(self._settings)
        access.require_free_ports(self._settings)
        preflight.require_kubectl(self._kubectl)
        preflight.require_cluster(self._kubectl)
        rights = preflight.rights_to_change(declared)
        preflight.require_rights(self._kubectl, rights)
        preflight.require_namespace(self._kubectl)
        self._starter().find()

    def prepare(self, *, refresh: bool = False) -> Generator[Progress, None, None]:
        """Nothing is fetched here: the nodes pull the images."""
        yield from ()

    def start(self, *, timeout: float | None = None) -> Started:
        """Apply what is declared, migrate the database, and roll out what changed."""
        done = yield from self._starter(timeout=timeout).start(self.services)
        access.ensure(self._settings, self._kubectl)
        return done

    def start_apps(self, *, timeout: float | None = None) -> Started:
        if not self.apps:
            return StartReport()
        return (yield from self._starter(timeout=timeout).start_apps(self.apps))

    def preview_start(self, files: Sequence[RenderedFile]) -> tuple[ServiceChange, ...]:
        names = (*self.services, *self.apps)
        settings = with_generated_secrets(self._settings)
        if self._settings.secrets.salt_key is None and (key := self.find_salt_key()):
            settings = _with_salt_key(settings, key)
        return preview(self._starter(settings, files), names)

    def states(self) -> tuple[ServiceState, ...]:
        snapshot = self._read()
        return tuple(
            states.describe_service(snapshot, name, address=self._address(name))
            for name in (*self.services, *self.apps)
        )

    def is_healthy(self, service: str) -> bool | None:
        return states.is_healthy(self._read(), service)

    def owns_port(self, service: str, port: int) -> bool:
        """Ports of this machine belong to the port-forward; others lead into the cluster."""
        if self._settings.kubernetes.access == "port-forward":
            return access.owns_port(self._settings, port)
        return bool(self._read().pods_of(service))

    def has_data(self) -> bool:
        return bool(self._kubectl.get(removal.VOLUMES, selector=self._labels))

    def stop(self, *, remove_data: bool = False) -> Stopped:
        access.end(self._settings)
        known = (*self.services, *self.apps)
        done = yield from stop(
            self._kubectl,
            self._labels,
            known,
            read=self._read_now,
            remove_data=remove_data,
            clusters=self._has_clusters,
            clock=self._clock,
            sleep=self._sleep,
        )
        self._read_at = None
        return done

    def restart(
        self, services: Sequence[str], *, timeout: float | None = None
    ) -> Generator[Progress, None, None]:
        require_known_services(services, (*self.services, *self.apps))
        before = self._read()
        apps = tuple(name for name in self.apps if before.pods_of(name))
        chosen = tuple(name for name in (*self.services, *apps) if not services or name in services)
        starter = self._starter(timeout=timeout)
        done = yield from starter.start(self.services)
        if any(name in apps for name in chosen):
            later = yield from starter.start_apps(apps)
            done = StartReport(unchanged=(*done.unchanged, *later.unchanged))
        # What was just created or rolled out has the current settings already.
        yield from starter.restart([name for name in chosen if name in done.unchanged])
        access.ensure(self._settings, self._kubectl)
        self._read_at = None

    def last_lines(self, service: str, count: int = 20) -> str:
        if service not in (*self.services, *self.apps):
            return ""
        found = self.logs([service], tail=count, since=None, follow=False)
        return "\n".join(line.text for line in found).rstrip()

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
        return logs.read_logs(
            self._kubectl,
            self._labels,
            services or (*self.services, *self.apps),
            tail=tail,
            since=since,
            follow=follow,
            keep=keep,
        )

    def empty_litellm_database(self) -> Generator[Progress, None, None]:
        yield from self._stop_litellm()
        if external := open_external(self._kubectl, self._settings):
            yield from ExternalDatabase(name=_LITELLM, shell=external).empty()
            return
        self._own_shell(_LITELLM).start()
        yield Progress(subject="database litellm", state="working", detail="dropping")
        ask = partial(ask_database, self._kubectl, self._settings, _LITELLM)
        ask("drop database if exists litellm with (force);")
        # Not template1: PostgreSQL refuses to copy it after an image brought another C library.
        ask(f"create database litellm owner {OWNERS[_LITELLM]} template template0;")
        yield Progress(subject="database litellm", state="ready", detail="empty")

    def find_salt_key(self) -> Secret | None:
        name = self._settings.kubernetes.secrets_from or _LITELLM
        found = self._kubectl.get(f"secret/{name}")
        return read_value(found[0], "LITELLM_SALT_KEY") if found else None

    def shell(self, database: DatabaseName) -> DatabaseShell:
        if database == _LITELLM and (external := open_external(self._kubectl, self._settings)):
            return external
        return self._own_shell(database)

    def release(self, name: str) -> Release:
        return Release(name=name, version=version(name))

    def running_release(self) -> Release | None:
        pods = self._read().pods_of(_LITELLM)
        serving = next((pod for pod in pods if pod.is_ready), next(iter(pods), None))
        return None if serving is None else self.release(serving.image)

    def wanted_release(self) -> Release:
        return self.release(self._settings.images.litellm)

    def fetch_release(self, name: str) -> Generator[Progress, None, None]:
        """Nothing is fetched here: the nodes pull the image of the pre-flight."""
        yield from ()

    def run_preflight(
        self, files: Sequence[RenderedFile]
    ) -> Generator[Progress, None, tuple[PreflightCheck, ...]]:
        declared = self._read_declared(self._settings, files)

        def run(name: str, args: Sequence[str]) -> Completed:
            return run_in_pod(
                self._kubectl,
                declared,
                f"preflight-{name}",
                args,
                timeout=_PREFLIGHT_SECONDS,
                clock=self._clock,
                sleep=self._sleep,
            )

        return (yield from run_preflight(run))

    # Private from here on.

    @cached_property
    def _kubectl(self) -> Kubectl:
        return self._given or context.kubectl(self._settings)

    @cached_property
    def _labels(self) -> dict[str, str]:
        return project_labels(self._settings)

    @cached_property
    def _versions(self) -> frozenset[str]:
        return frozenset(self._kubectl.call("api-versions", namespaced=False).split())

    @property
    def _has_clusters(self) -> bool:
        return self._settings.kubernetes.postgres == "cloudnative-pg"

    def _starter(
        self,
        settings: Settings | None = None,
        files: Sequence[RenderedFile] | None = None,
        *,
        timeout: float | None = None,
    ) -> Starter:
        settings = settings or self._settings
        return Starter(
            settings=settings,
            kubectl=self._kubectl,
            declared=self._read_declared(settings, files),
            versions=self._versions,
            read=self._read_now,
            deadline=Deadline.start(timeout, self._clock),
            clock=self._clock,
            sleep=self._sleep,
        )

    def _read_declared(self, settings: Settings, files: Sequence[RenderedFile] | None) -> Declared:
        from gatewayctl.rendering.plan import plan_files

        rendered = plan_files(settings, runtime="kubernetes") if files is None else files
        return keep_supported(read_objects(rendered), self._versions)

    def _address(self, service: str) -> str | None:
        addresses = {_LITELLM: self._settings.gateway_url, "phoenix": self._settings.phoenix_url}
        return addresses.get(service)

    def _read(self) -> Snapshot:
        """What runs, at most a moment old."""
        now = self._clock()
        if self._read_at is None or now - self._read_at > _FRESH_SECONDS:
            return self._read_now()
        return self._snapshot

    def _read_now(self) -> Snapshot:
        self._snapshot = read_snapshot(self._kubectl, self._labels, clusters=self._has_clusters)
        self._read_at = self._clock()
        return self._snapshot

    def _own_shell(self, database: DatabaseName) -> ContainerShell:
        service = SERVICES[database]
        return open_shell(
            self._kubectl,
            self._settings,
            database,
            is_healthy=lambda: states.is_healthy(self._read_now(), service) is True,
            start_server=lambda: drain(self._starter().start_databases([service])),
        )

    def _stop_litellm(self) -> Generator[Progress, None, None]:
        """End every LiteLLM, and forget its migrations and its salt key.

        Its database is about to be empty.
        """
        snapshot = self._read_now()
        secrets: tuple[Object, ...] = ()
        # One of others is not ours to list.
        if self._settings.kubernetes.secrets_from is None:
            labels = service_labels(self._settings, _LITELLM)
            secrets = self._kubectl.get("secrets", selector=labels)
        self._kubectl.delete((*snapshot.jobs, *secrets))
        if _LITELLM not in snapshot.workloads:
            return
        yield Progress(subject=_LITELLM, state="working", detail="stopping")
        remove_workloads(
            self._kubectl,
            [snapshot.workloads[_LITELLM]],
            self._read_now,
            clock=self._clock,
            sleep=self._sleep,
        )


def _with_salt_key(settings: Settings, key: Secret) -> Settings:
    from dataclasses import replace

    return replace(settings, secrets=replace(settings.secrets, salt_key=key))
