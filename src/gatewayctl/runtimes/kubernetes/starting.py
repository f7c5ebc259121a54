"""A start: what is declared is applied stage by stage, and each stage waits for the one before.

Owns the order (base, databases, migrations, services, apps), and what is undone after a failure.
Every step may be repeated: a start that was killed is finished by the next one. Must not know how
one object is rendered.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from gatewayctl.errors import ClusterForbidden, RuntimeProblem, SaltKeyChanged, SettingsProblem
from gatewayctl.rendering.kubernetes.labels import project_labels
from gatewayctl.rendering.kubernetes.secrets import plan_secrets
from gatewayctl.runtimes.base import Progress, Started, StartReport
from gatewayctl.runtimes.docker import passwords
from gatewayctl.runtimes.docker.database_shell import SERVICES
from gatewayctl.runtimes.kubernetes import apply, removal
from gatewayctl.runtimes.kubernetes.apply import Found
from gatewayctl.runtimes.kubernetes.database_shell import set_password
from gatewayctl.runtimes.kubernetes.kubectl import Kubectl, Object
from gatewayctl.runtimes.kubernetes.objects import (
    WORKLOADS,
    Declared,
    Stage,
    has_labels,
    service_of,
)
from gatewayctl.runtimes.kubernetes.rollouts.deadline import Deadline
from gatewayctl.runtimes.kubernetes.rollouts.migration import run_migration
from gatewayctl.runtimes.kubernetes.rollouts.rollback import roll_back
from gatewayctl.runtimes.kubernetes.rollouts.rollout import is_complete, wait_rollouts
from gatewayctl.runtimes.kubernetes.rollouts.snapshot import CLUSTER, Snapshot
from gatewayctl.runtimes.kubernetes.secrets import make_secrets, read_value
from gatewayctl.settings.master_key import NAME as MASTER_KEY
from gatewayctl.settings.model import Settings, Source

_SALT_KEY: Final = "LITELLM_SALT_KEY"
_NAMESPACE: Final = "Namespace"
_KEPT: Final = frozenset({"LITELLM_POSTGRES_PASSWORD", "POSTGRES_PASSWORD", "REDIS_PASSWORD"})
"""The servers have them already, when a Secret goes back to its earlier content."""
_STATEFUL: Final = frozenset({*WORKLOADS, CLUSTER})


@dataclass(frozen=True, slots=True, kw_only=True)
class Starter:
    """One start of a project.

    ``read`` returns what runs now, ``versions`` are the API versions of the server.
    """

    settings: Settings
    kubectl: Kubectl
    declared: Declared
    versions: frozenset[str]
    read: Callable[[], Snapshot]
    deadline: Deadline
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    @property
    def labels(self) -> Mapping[str, str]:
        return project_labels(self.settings)

    def secrets(self, *, apps: bool) -> tuple[Object, ...]:
        """The Secrets of the services, or of the apps."""
        names = {app.name for app in self.settings.apps}
        found = make_secrets(self.settings)
        return tuple(item for item in found if (service_of(item) in names) is apps)

    def find(self) -> Found:
        """What exists of the declared objects. Raises ProjectNameTaken for what is of others, and
        SettingsProblem for a Secret of others that does not fit.
        """
        secrets = make_secrets(self.settings)
        declared = [item for item in self.declared.every if item["kind"] != _NAMESPACE]
        found = apply.find_existing(self.kubectl, (*declared, *secrets))
        apply.require_own(found, self.labels, namespace=self.kubectl.namespace)
        self._require_same_salt_key(found)
        self._shared_secret()
        return found

    def start(self, services: Sequence[str]) -> Started:
        """Start what does not run and roll out what changed, up to LiteLLM."""
        found, before = self.find(), self.read()
        if self.has_namespace():
            self.dry_run(found, "base", "databases", "services")
        secrets = yield from self._apply_base(found)
        yield from self._roll_out(self.declared.stage("databases"), secrets, found)
        yield from self._set_passwords()
        try:
            yield from self._migrate(secrets)
        except RuntimeProblem:
            self._restore_secrets(found)
            raise
        yield from self._roll_out(self.declared.stage("services"), secrets, found)
        removal.prune(
            self.kubectl,
            self.labels,
            (*self.declared.every, *make_secrets(self.settings)),
            self.versions,
            # All of them: Kubernetes itself removes those that no rollback needs.
            keep=self.read().replica_sets,
        )
        report = self._report(services, before)
        return replace(report, warnings=tuple(_warn_left_out(self.declared.left_out)))

    def start_databases(self, names: Sequence[str]) -> Generator[Progress, None, None]:
        """Start these databases alone, with what they need."""
        found = self.find()
        secrets = yield from self._apply_base(found)
        wanted = [item for item in self.declared.stage("databases") if service_of(item) in names]
        yield from self._roll_out(wanted, secrets, found)

    def start_apps(self, apps: Sequence[str]) -> Started:
        """Start the apps, whose keys are in .env now."""
        found, before = self.find(), self.read()
        self.dry_run(found, "apps")
        own = self.secrets(apps=True)
        applied = self.kubectl.apply(own) if own else ()
        secrets = {**self._shared_secret(), **_by_name(applied)}
        yield from self._roll_out(self.declared.stage("apps"), secrets, found)
        return self._report(apps, before)

    def restart(self, services: Sequence[str]) -> Generator[Progress, None, None]:
        """Replace the pods of these services one by one, databases first. Raises ServiceFailed."""
        found = self.find()
        for stage in ("databases", "services", "apps"):
            items = [
                item
                for item in self.declared.stage(stage)
                if item["kind"] in _STATEFUL and item["metadata"]["name"] in services
            ]
            for item in items:
                name = item["metadata"]["name"]
                yield Progress(subject=name, state="working", detail="restarting")
                self.kubectl.restart(item)
            yield from self._wait(items, found)

    def has_namespace(self) -> bool:
        """True if it exists or may not be read; without it the server checks nothing."""
        try:
            return bool(self.kubectl.get(f"namespace/{self.kubectl.namespace}"))
        except ClusterForbidden:
            return True

    def dry_run(self, found: Found, *stages: Stage) -> tuple[Object, ...]:
        """The objects as the server would have them; it checks every one and changes none."""
        secrets = {
            item["metadata"]["name"]: item
            for item in found.objects.values()
            if item["kind"] == "Secret"
        }
        wanted = self._prepare(self._without_namespace(*stages), secrets, found)
        return self.kubectl.apply(wanted, dry_run=True) if wanted else ()

    # Private from here on.

    def _require_same_salt_key(self, found: Found) -> None:
        """Refuse to replace the key of the running gateway, in a folder that has no record of it.

        Raises SaltKeyChanged.
        """
        own = self.settings.secrets.salt_key
        for item in found.objects.values():
            key = read_value(item, _SALT_KEY) if item["kind"] == "Secret" else None
            if key is not None and own is not None and key != own:
                raise SaltKeyChanged(
                    f"The gateway in the namespace {self.kubectl.namespace} has another"
                    f" {_SALT_KEY} than {self.settings.source_of(_SALT_KEY)}: values it stored"
                    " encrypted could not be decrypted.",
                    hint=f"Remove {_SALT_KEY} here: `gatewayctl up` takes the one of the gateway.",
                )

    def _apply_base(self, found: Found) -> Generator[Progress, None, dict[str, Object]]:
        """Apply what pods refer to; returns the Secrets by name."""
        base = (*self._missing_namespace(), *self._without_namespace("base"))
        if not found.objects:
            yield Progress(subject="cluster", state="working", detail="creating the objects")
        secrets = self.secrets(apps=False)
        applied = self.kubectl.apply((*base, *secrets))
        return {**self._shared_secret(), **_by_name(applied)}

    def _without_namespace(self, *stages: Stage) -> tuple[Object, ...]:
        return tuple(item for item in self.declared.stage(*stages) if item["kind"] != _NAMESPACE)

    def _missing_namespace(self) -> tuple[Object, ...]:
        """The namespace, if it is missing or ours with other labels.

        One of others is used as it is, and so is one that this user may not see.
        """
        wanted = [item for item in self.declared.stage("base") if item["kind"] == _NAMESPACE]
        try:
            found = self.kubectl.get(f"namespace/{self.kubectl.namespace}")
        except ClusterForbidden:
            return ()
        if found and not has_labels(found[0], self.labels):
            return ()
        current = {} if not found else found[0]["metadata"]["labels"]
        return tuple(
            item for item in wanted if not item["metadata"]["labels"].items() <= current.items()
        )

    def _shared_secret(self) -> dict[str, Object]:
        """The Secret that the project refers to and did not make. Raises SettingsProblem."""
        name = self.settings.kubernetes.secrets_from
        if name is None:
            return {}
        found = self.kubectl.get(f"secret/{name}")
        place = self.settings.source_of("kubernetes.secrets")
        if not found:
            raise SettingsProblem(
                f"The Secret {name} ({place}) does not exist in the namespace"
                f" {self.kubectl.namespace}.",
                hint="Create it, or remove kubernetes.secrets: then Secrets are made of .env.",
            )
        planned = plan_secrets(self.settings)
        needed = {key for each in planned for key in (*each.variables, *each.files)}
        if missing := sorted(needed - (found[0].get("data") or {}).keys()):
            raise SettingsProblem(
                f"The Secret {name} ({place}) has no {', '.join(missing)}.",
                hint="Add these keys to it.",
            )
        password = read_value(found[0], passwords.NAME) if passwords.NAME in needed else None
        if password is not None and not passwords.is_allowed(password):
            raise SettingsProblem(
                f"{passwords.NAME} in the Secret {name} ({place}) {passwords.RULE}.",
                hint="Choose another one; an existing database needs it for litellm_user, too.",
            )
        self._require_same_keys(found[0], place)
        return _by_name(found)

    def _require_same_keys(self, secret: Object, place: Source) -> None:
        """Refuse to work with other keys than the pods: gatewayctl manages virtual keys with one,
        and a backup with another salt key could not be decrypted. Raises SettingsProblem.
        """
        own = self.settings.secrets
        for name, key in ((MASTER_KEY, own.master_key), (_SALT_KEY, own.salt_key)):
            theirs = read_value(secret, name)
            if theirs is not None and key is not None and key != theirs:
                raise SettingsProblem(
                    f"{name} in the Secret {secret['metadata']['name']} ({place}) is not the one of"
                    f" {self.settings.source_of(name)}.",
                    hint=f"Write the value of the Secret into .env as {name}.",
                )

    def _set_passwords(self) -> Generator[Progress, None, None]:
        """Give the databases the passwords of .env before a service connects with them.

        The image sets one only when it creates a volume. CloudNativePG has its own.
        """
        if self.settings.kubernetes.postgres != "statefulset":
            return
        if self.settings.kubernetes.secrets_from is not None:
            return
        own = {item["metadata"]["name"] for item in self.declared.stage("databases")}
        for database, service in SERVICES.items():
            password = passwords.password_of(self.settings, database)
            if service not in own or password is None:
                continue
            if set_password(self.kubectl, self.settings, database, password):
                yield Progress(subject=service, state="working", detail="new password")

    def _migrate(self, secrets: Mapping[str, Object]) -> Generator[Progress, None, None]:
        for job in self.declared.stage("migration"):
            # A database of others may be another one after its URL changed.
            version = None
            if self.settings.services.postgres is not None:
                version = apply.secret_version(job, secrets)
            yield from run_migration(
                self.kubectl,
                job,
                version=version,
                deadline=self.deadline,
                clock=self.clock,
                sleep=self.sleep,
            )

    def _prepare(
        self, items: Sequence[Object], secrets: Mapping[str, Object], found: Found
    ) -> tuple[Object, ...]:
        """The objects to apply: with the versions of their Secrets, and scaled as they are."""
        versioned = (apply.with_secret_versions(item, secrets) for item in items)
        return tuple(apply.with_current_scale(item, found.like(item)) for item in versioned)

    def _roll_out(
        self, items: Sequence[Object], secrets: Mapping[str, Object], found: Found
    ) -> Generator[Progress, None, None]:
        """Apply objects and wait for their rollouts; a failed one goes back where it can.

        Raises ServiceFailed.
        """
        if not items:
            return
        applied = self._prepare(items, secrets, found)
        mixed = [item for item in applied if not apply.is_in_order(item, found.like(item))]
        if mixed:
            self.kubectl.apply(map(apply.without_lists, mixed))
        self.kubectl.apply(applied)
        yield from self._wait(applied, found)

    def _wait(self, applied: Sequence[Object], found: Found) -> Generator[Progress, None, None]:
        workloads = [item for item in applied if item["kind"] in _STATEFUL]
        names = [item["metadata"]["name"] for item in workloads]
        failure = yield from wait_rollouts(
            self.kubectl,
            self.read,
            names,
            deadline=self.deadline,
            clock=self.clock,
            sleep=self.sleep,
        )
        if failure is None:
            return
        yield Progress(subject=failure.service, state="failed", detail=failure.fault.summary)
        snapshot = self.read()
        broken = [
            item
            for item in workloads
            if not is_complete(snapshot.workloads[item["metadata"]["name"]])
        ]
        reverted = roll_back(self.kubectl, snapshot, broken)
        if reverted:
            self._restore_secrets(found)
        spec = snapshot.workloads[failure.service]["spec"]
        recreated = (spec.get("strategy") or {}).get("type") == "Recreate"
        raise failure.error(_describe_rollback(failure.service, reverted, recreated=recreated))

    def _restore_secrets(self, found: Found) -> None:
        """Give the Secrets the content from before, which the pods that go on serving have."""
        earlier = []
        for wanted in self.secrets(apps=False):
            live = found.like(wanted)
            if live is not None:
                kept = {key: value for key, value in wanted["data"].items() if key in _KEPT}
                earlier.append({**wanted, "data": {**(live.get("data") or {}), **kept}})
        if earlier:
            self.kubectl.apply(earlier)

    def _report(self, services: Sequence[str], before: Snapshot) -> StartReport:
        after = self.read()
        ran = {name for name in services if before.pods_of(name)}
        kept = {name for name in ran if _revision(before, name) == _revision(after, name)}
        return StartReport.compare(services, ran=ran, kept=kept)


def _warn_left_out(items: Sequence[Object]) -> Iterator[str]:
    for item in items:
        yield (
            f"The cluster is too old for the {item['kind']} {item['metadata']['name']}"
            f" ({item['apiVersion']}), so the project runs without it."
        )


def _revision(snapshot: Snapshot, service: str) -> tuple[str, str | None] | None:
    workload = snapshot.workloads.get(service)
    if workload is None:
        return None
    return workload["metadata"]["uid"], snapshot.newest_template(service)


def _by_name(applied: Sequence[Object]) -> dict[str, Object]:
    return {item["metadata"]["name"]: item for item in applied if item["kind"] == "Secret"}


def _describe_rollback(service: str, reverted: Sequence[str], *, recreated: bool) -> str:
    if not reverted:
        return "No earlier revision is known to serve, so nothing was rolled back."
    others = [name for name in reverted if name != service]
    also = f" So was {', '.join(others)}." if others else ""
    state = "starts again" if recreated else "serves"
    return f"{service} was rolled back to its previous revision, which {state}.{also}"
