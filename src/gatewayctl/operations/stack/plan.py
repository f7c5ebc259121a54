"""The verb plan: report what `up` would change, without changing anything, not even .env.

Joins the files that differ, what the runtime would do to each service, the missing keys, and the
risks for data and running calls.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

from gatewayctl.errors import Drift, GatewayctlError, LicenseMissing, RuntimeProblem
from gatewayctl.gateway.client import GatewayClient
from gatewayctl.generators import drain
from gatewayctl.operations.config.database import StoredRow, compare_database
from gatewayctl.operations.keys.owners import CONFLICT_REMEDY, plan_owners, require_license
from gatewayctl.operations.keys.plan import load_known_keys, plan_keys
from gatewayctl.operations.keys.values import read_current_values
from gatewayctl.operations.models.warnings import warn_of_models
from gatewayctl.operations.project.load_check import CheckState, check_config
from gatewayctl.operations.project.render import FileReport, render
from gatewayctl.operations.state.restore_journal import require_restore_finished
from gatewayctl.operations.state.salt_key import NAME as SALT_KEY
from gatewayctl.operations.state.salt_key import recover_salt_key, require_same_salt_key
from gatewayctl.operations.traces.retention import (
    RetentionChange,
    compare_retention,
    list_deletions,
)
from gatewayctl.rendering.plan import plan_files
from gatewayctl.runtimes.base import Progress, Runtime
from gatewayctl.runtimes.kubernetes.context import ChosenContext, choose, read_record
from gatewayctl.runtimes.registry import ResolvedRuntime
from gatewayctl.runtimes.service_change import ServiceChange
from gatewayctl.settings.declared.keys import OwnerKind
from gatewayctl.settings.generate import generate_missing_secrets
from gatewayctl.settings.master_key import require_master_key
from gatewayctl.settings.model import RuntimeName, Settings
from gatewayctl.settings.overrides import require_no_overrides

KeyAction = Literal["create", "register", "replace", "move", "finish", "update", "unknown"]

_CHANGES: Final[frozenset[str]] = frozenset({"create", "register", "replace", "move", "finish"})
"""What `up` does to keys; it never changes a valid one: `keys sync` does."""
_SYNC: Final = "What differs is changed by `gatewayctl keys sync`"
_RISKS: Final[Mapping[str, str]] = {
    "LITELLM_SALT_KEY": "Values that LiteLLM stored encrypted (models and credentials of its admin"
    " UI) cannot be decrypted with another LITELLM_SALT_KEY: put the old one back.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedKey:
    """A declared key and what `up` would do; ``unknown`` while the gateway does not answer.

    ``update``: it differs from gateway.yaml, which `keys sync` changes and `up` does not.
    ``changes`` as in `keys sync`.
    """

    alias: str
    env: str
    action: KeyAction
    changes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedOwner:
    """A declared team or user; ``action`` and ``changes`` as those of a key."""

    name: str
    action: Literal["create", "update", "conflict", "unknown"]
    changes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanReport:
    """What `up` would do.

    ``secrets`` are the variables it would generate into .env, ``recovered`` those that it would
    take from LiteLLM. ``services`` has one entry per service and app, ``data_at_risk`` and
    ``downtime`` are sentences for people. ``conflicts`` is what would make `up` fail, a sentence a
    port, and ``remedy`` what to do about it first. ``database`` is what LiteLLM's database has
    beside the files, and ``warnings`` are for people. ``is_project`` is false for a folder without
    any file of a project. ``config_check``: whether LiteLLM's own loader accepts the configuration.
    ``kubernetes`` is where `up` would start, in that runtime. ``retention`` is what it would change
    in Phoenix, if Phoenix answers.
    """

    project: str
    runtime: RuntimeName
    runtime_why: str
    secrets: tuple[str, ...]
    files: tuple[FileReport, ...]
    services: tuple[ServiceChange, ...]
    keys: tuple[PlannedKey, ...]
    data_at_risk: tuple[str, ...]
    downtime: tuple[str, ...]
    changed: bool
    recovered: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    remedy: str = ""
    database: tuple[StoredRow, ...] = ()
    warnings: tuple[str, ...] = ()
    is_project: bool = True
    teams: tuple[PlannedOwner, ...] = ()
    users: tuple[PlannedOwner, ...] = ()
    config_check: CheckState = "not_needed"
    kubernetes: ChosenContext | None = None
    retention: RetentionChange | None = None

    @property
    def problem(self) -> Drift | None:
        """Set if `up` would change anything, or if a key, team or user differs."""
        differing = [name for name, action in self._list_declared() if action == "update"]
        conflicts = [name for name, action in self._list_declared() if action == "conflict"]
        sync = f"not as declared: {', '.join((*differing, *conflicts))}"
        advice = " ".join(
            ([f"{_SYNC}."] if differing else []) + ([CONFLICT_REMEDY] if conflicts else [])
        )
        if not self.changed:
            return Drift(f"N{sync[1:]}.", hint=advice) if advice else None
        if self.runtime == "external":
            message = f"`gatewayctl keys sync` would change {self._summarize_declared()}."
            hint = f"Apply it with `gatewayctl keys sync`. {CONFLICT_REMEDY if conflicts else ''}"
            return Drift(message, hint=hint.strip())
        apply = "Apply it with `gatewayctl up`."
        if not self.is_project:
            apply = "Create the project with `gatewayctl init`, then apply it with `gatewayctl up`."
        message = f"`gatewayctl up` would change {self._summarize()}"
        if self.conflicts:
            found = "\n".join(self.conflicts)
            return Drift(
                f"{message}, but would fail:\n{found}", hint=f"{self.remedy} Then: {apply}"
            )
        if advice:
            return Drift(f"{message}; {sync}.", hint=f"{apply} {advice}")
        return Drift(f"{message}.", hint=apply)

    def _list_declared(self) -> Iterator[tuple[str, str]]:
        """Name and action of every user, team and key."""
        for kind, owners in (("user", self.users), ("team", self.teams)):
            yield from ((f"{kind} {owner.name}", owner.action) for owner in owners)
        yield from ((key.alias, key.action) for key in self.keys)

    def _summarize_declared(self) -> str:
        counted = (
            ([user for user in self.users if user.action != "conflict"], "user"),
            ([team for team in self.teams if team.action != "conflict"], "team"),
            (self.keys, "key"),
        )
        return ", ".join(_count(found, noun) for found, noun in counted if found)

    def _summarize(self) -> str:
        services = [change.service for change in self.services if change.action != "untouched"]
        counted = (
            ((*self.secrets, *self.recovered), "secret"),
            ([file for file in self.files if file.state != "unchanged"], "file"),
            (services, "service"),
            ([user for user in self.users if user.action == "create"], "user"),
            ([team for team in self.teams if team.action == "create"], "team"),
            ([key.alias for key in self.keys if key.action in _CHANGES], "key"),
            ([self.retention] if self.retention else [], "retention policy"),
        )
        return ", ".join(_count(found, noun) for found, noun in counted if found)


def plan(
    settings: Settings, resolved: ResolvedRuntime, gateway: GatewayClient
) -> Generator[Progress, None, PlanReport]:
    """Compare files, services and keys with the settings, and report what `up` would do.

    Raises SettingsProblem and RestoreUnfinished where `up` would, and RuntimeProblem if the runtime
    does not answer.
    """
    if settings.is_external:
        return _plan_external(settings, resolved, gateway)
    require_no_overrides(settings)
    recovered = recover_salt_key(settings, resolved.runtime) is not None
    if not recovered:
        require_same_salt_key(settings)
    require_restore_finished(settings.state_dir)
    files = render(settings, check=True, diff=True, runtime=resolved.name).files
    checked = yield from check_config(settings, resolved)
    place = choose(settings) if resolved.name == "kubernetes" else None
    services = _plan_services(settings, resolved, place)
    keys, owners = _plan_keys(settings, gateway, services)
    retention = _compare_retention(settings, gateway, services)
    diffs = [file.diff or "" for file in files if file.state == "changed"]
    conflict = _find_conflict(resolved.runtime, services) or _find_missing_license(
        settings, gateway
    )
    missing = [n for n in generate_missing_secrets(settings) if not recovered or n != SALT_KEY]
    return PlanReport(
        project=settings.project_name,
        runtime=resolved.name,
        runtime_why=resolved.why,
        secrets=tuple(missing),
        recovered=(SALT_KEY,) if recovered else (),
        files=files,
        services=services,
        keys=keys,
        data_at_risk=(*_find_risks(services), *list_deletions(settings, retention, diffs)),
        downtime=_describe_downtime(services, resolved.runtime),
        changed=bool(missing or recovered)
        or any(file.state != "unchanged" for file in files)
        or any(change.action != "untouched" for change in services)
        or any(key.action in _CHANGES for key in keys)
        or any(owner.action == "create" for _, owner in owners)
        or retention is not None,
        conflicts=() if conflict is None else tuple(conflict.message.splitlines()),
        remedy="" if conflict is None else conflict.hint,
        database=_read_database(settings, gateway, services),
        warnings=(*warn_of_models(settings), *checked.warnings),
        is_project=settings.is_project,
        teams=tuple(owner for kind, owner in owners if kind == "team"),
        users=tuple(owner for kind, owner in owners if kind == "user"),
        config_check=checked.state,
        kubernetes=place,
        retention=retention,
    )


def _plan_external(
    settings: Settings, resolved: ResolvedRuntime, gateway: GatewayClient
) -> PlanReport:
    """The keys alone: nothing else of a gateway that others operate is ours to change.

    Raises what `keys sync` raises.
    """
    keys, owners = _list_steps(settings, gateway)
    return PlanReport(
        project=settings.project_name,
        runtime=resolved.name,
        runtime_why=resolved.why,
        secrets=(),
        files=(),
        services=(),
        keys=keys,
        data_at_risk=(),
        downtime=(),
        changed=bool(keys) or any(owner.action != "conflict" for _, owner in owners),
        is_project=settings.is_project,
        teams=tuple(owner for kind, owner in owners if kind == "team"),
        users=tuple(owner for kind, owner in owners if kind == "user"),
    )


def _plan_services(
    settings: Settings, resolved: ResolvedRuntime, place: ChosenContext | None
) -> tuple[ServiceChange, ...]:
    runtime = resolved.runtime
    before = read_record(settings)
    if place is not None and before is not None and place != before:
        # What runs there is known once the user agreed to go there.
        names, why = (*runtime.services, *runtime.apps), (f"moves to {place}",)
        return tuple(ServiceChange(service=name, action="start", why=why) for name in names)
    if all(state.state == "stopped" for state in runtime.states()):
        names = (*runtime.services, *runtime.apps)
        return tuple(ServiceChange(service=name, action="start") for name in names)
    return runtime.preview_start(plan_files(settings, runtime=resolved.name))


def _find_conflict(runtime: Runtime, services: Sequence[ServiceChange]) -> RuntimeProblem | None:
    """What would make the start of a service fail, as far as it is checked beforehand."""
    if all(change.action == "untouched" for change in services):
        return None
    try:
        runtime.preflight()
    except RuntimeProblem as error:
        return error
    return None


def _find_missing_license(settings: Settings, gateway: GatewayClient) -> LicenseMissing | None:
    """Fields that LiteLLM would refuse, if it can be asked."""
    try:
        require_license(settings, gateway, require_master_key(settings), settings.keys)
    except LicenseMissing as error:
        return error
    except GatewayctlError:
        pass
    return None


_Keys = tuple[tuple[PlannedKey, ...], tuple[tuple[OwnerKind, PlannedOwner], ...]]


def _plan_keys(
    settings: Settings, gateway: GatewayClient, services: Sequence[ServiceChange]
) -> _Keys:
    """The keys, and the teams and users, that differ from what is declared."""
    if all(change.action == "start" for change in services if change.service == "litellm"):
        return _plan_without_gateway(settings)
    try:
        return _list_steps(settings, gateway)
    except GatewayctlError:
        return _plan_without_gateway(settings)


def _list_steps(settings: Settings, gateway: GatewayClient) -> _Keys:
    """What is declared and differs. Raises what `keys sync` raises."""
    known = drain(load_known_keys(settings, gateway, now=datetime.now(UTC)))
    declared = {key.alias: key.env for key in settings.keys}
    keys = tuple(
        PlannedKey(
            alias=step.alias,
            env=declared[step.alias],
            action=step.action,  # type: ignore[arg-type]
            changes=step.changes,
        )
        for step in (each.step for each in plan_keys(known))
        if step.alias in declared and step.declared and step.action in {*_CHANGES, "update"}
    )
    owners = plan_owners(settings, gateway, require_master_key(settings))
    steps = (each.step for each in owners if each.declared is not None and each.step.drift)
    return keys, tuple(
        (
            step.kind,
            PlannedOwner(name=step.name, action=step.action, changes=step.changes),  # type: ignore[arg-type]
        )
        for step in steps
    )


def _read_database(
    settings: Settings, gateway: GatewayClient, services: Sequence[ServiceChange]
) -> tuple[StoredRow, ...]:
    """What the database adds or overrides; nothing while the gateway does not answer."""
    if all(change.action == "start" for change in services if change.service == "litellm"):
        return ()
    try:
        return compare_database(settings, gateway)
    except GatewayctlError:
        return ()


def _compare_retention(
    settings: Settings, gateway: GatewayClient, services: Sequence[ServiceChange]
) -> RetentionChange | None:
    """What differs in Phoenix; nothing while it does not answer."""
    if any(change.action == "start" for change in services if change.service == "phoenix"):
        return None
    try:
        return compare_retention(settings, gateway.http)
    except GatewayctlError:
        return None


def _plan_without_gateway(settings: Settings) -> _Keys:
    """Keys without a value will be created; nothing is known about the others."""
    values = read_current_values(settings)
    keys = tuple(
        PlannedKey(
            alias=key.alias, env=key.env, action="unknown" if key.env in values else "create"
        )
        for key in settings.keys
    )
    return keys, tuple(
        (owner.kind, PlannedOwner(name=owner.name, action="unknown")) for owner in settings.owners
    )


def _find_risks(services: Sequence[ServiceChange]) -> tuple[str, ...]:
    # In a cluster: «secret LITELLM_SALT_KEY changed».
    names = {name for change in services for why in change.why for name in why.split()}
    return tuple(sentence for name, sentence in _RISKS.items() if name in names)


def _describe_downtime(services: Sequence[ServiceChange], runtime: Runtime) -> tuple[str, ...]:
    restarted = {c.service for c in services if c.action in {"restart", "recreate"}}
    sentences = []
    if restarted & {"litellm", "redis", "postgres", "postgres-litellm"}:
        sentences.append("Calls fail while litellm restarts.")
    if restarted & {"phoenix", "postgres", "postgres-phoenix"}:
        sentences.append("Traces are delayed or lost while phoenix restarts.")
    apps = (app for app in runtime.apps if app in restarted)
    sentences += [f"{app} does not answer while it restarts." for app in apps]
    return tuple(sentences)


def _count(found: Sequence[object], noun: str) -> str:
    return f"{len(found)} {noun}{'' if len(found) == 1 else 's'}"
