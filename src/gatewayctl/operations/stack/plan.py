"""The verb plan: what `up` would do, without doing any of it.

Joins the files that differ, what the runtime would do to each service, the keys that are missing,
and what of it puts data or calls at risk. Changes nothing, not even .env.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

from gatewayctl.errors import Drift, GatewayctlError
from gatewayctl.gateway.client import GatewayClient
from gatewayctl.operations.keys.plan import KnownKeys, plan_keys
from gatewayctl.operations.keys.values import read_current_values
from gatewayctl.operations.project.render import FileReport, render
from gatewayctl.operations.state.restore_journal import require_restore_finished
from gatewayctl.operations.state.salt_key import require_same_salt_key
from gatewayctl.rendering.plan import plan_files
from gatewayctl.runtimes.base import Runtime
from gatewayctl.runtimes.registry import ResolvedRuntime
from gatewayctl.runtimes.service_change import ServiceChange
from gatewayctl.settings.generate import generate_missing_secrets
from gatewayctl.settings.master_key import require_master_key
from gatewayctl.settings.model import RuntimeName, Settings

KeyAction = Literal["create", "register", "replace", "move", "finish", "unknown"]

_MADE: Final[frozenset[str]] = frozenset({"create", "register", "replace", "move", "finish"})
"""What `up` does to keys; it never updates one that works."""
_RISKS: Final[Mapping[str, str]] = {
    "LITELLM_SALT_KEY": "What LiteLLM stores encrypted (models and credentials of its admin UI)"
    " cannot be read with another LITELLM_SALT_KEY: put the old one back.",
    "LITELLM_POSTGRES_PASSWORD": "LiteLLM's database keeps the password it was made with, and"
    " refuses another LITELLM_POSTGRES_PASSWORD: put the old one back.",
    "POSTGRES_PASSWORD": "Phoenix's database keeps the password it was made with, and refuses"
    " another POSTGRES_PASSWORD: put the old one back.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedKey:
    """A declared key and what `up` would do; ``unknown`` while the gateway cannot be asked."""

    alias: str
    env: str
    action: KeyAction


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanReport:
    """What `up` would do.

    ``secrets`` are variables it would generate into .env, ``services`` one entry for each service
    and app, ``data_at_risk`` and ``downtime`` sentences for people; empty where there is none.
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

    @property
    def problem(self) -> Drift | None:
        """Set where `up` would do anything."""
        if not self.changed:
            return None
        return Drift(f"`gatewayctl up` would change {self._what()}.", hint="Do it: gatewayctl up.")

    def _what(self) -> str:
        moved = [change.service for change in self.services if change.action != "untouched"]
        made = [key.alias for key in self.keys if key.action in _MADE]
        counted = (
            (self.secrets, "secret"),
            ([file for file in self.files if file.state != "unchanged"], "file"),
            (moved, "service"),
            (made, "key"),
        )
        return ", ".join(_count(found, noun) for found, noun in counted if found)


def plan(settings: Settings, resolved: ResolvedRuntime, gateway: GatewayClient) -> PlanReport:
    """Look at files, services and keys, and say what `up` would do.

    Raises SettingsProblem and RestoreUnfinished where `up` would, and RuntimeProblem where the
    runtime cannot be asked.
    """
    require_same_salt_key(settings)
    require_restore_finished(settings)
    files = render(settings, check=True, diff=True, runtime=resolved.name).files
    services = _services(settings, resolved)
    keys = _keys(settings, gateway, services)
    missing = tuple(generate_missing_secrets(settings))
    return PlanReport(
        project=settings.project_name,
        runtime=resolved.name,
        runtime_why=resolved.why,
        secrets=missing,
        files=files,
        services=services,
        keys=keys,
        data_at_risk=_risks(services),
        downtime=_downtime(services, resolved.runtime),
        changed=bool(missing)
        or any(file.state != "unchanged" for file in files)
        or any(change.action != "untouched" for change in services)
        or any(key.action in _MADE for key in keys),
    )


def _services(settings: Settings, resolved: ResolvedRuntime) -> tuple[ServiceChange, ...]:
    runtime = resolved.runtime
    if all(state.state == "stopped" for state in runtime.states()):
        names = (*runtime.services, *runtime.apps)
        return tuple(ServiceChange(service=name, action="start") for name in names)
    return runtime.pending(plan_files(settings, runtime=resolved.name))


def _keys(
    settings: Settings, gateway: GatewayClient, services: Sequence[ServiceChange]
) -> tuple[PlannedKey, ...]:
    from gatewayctl.gateway.keys import iterate_keys

    if all(change.action == "start" for change in services if change.service == "litellm"):
        return _unknown(settings)
    try:
        found = tuple(iterate_keys(gateway, require_master_key(settings)))
    except GatewayctlError:
        return _unknown(settings)
    values = read_current_values(settings)
    known = KnownKeys(settings=settings, keys=found, values=values, now=datetime.now(UTC))
    declared = {key.alias: key.env for key in settings.keys}
    return tuple(
        PlannedKey(alias=step.alias, env=declared[step.alias], action=step.action)  # type: ignore[arg-type]
        for step in (each.step for each in plan_keys(known))
        if step.alias in declared and step.declared and step.action in _MADE
    )


def _unknown(settings: Settings) -> tuple[PlannedKey, ...]:
    """Without the gateway: what is set nowhere is made, the rest cannot be said."""
    values = read_current_values(settings)
    return tuple(
        PlannedKey(
            alias=key.alias, env=key.env, action="unknown" if key.env in values else "create"
        )
        for key in settings.keys
    )


def _risks(services: Sequence[ServiceChange]) -> tuple[str, ...]:
    names = {name for change in services for name in change.why}
    return tuple(sentence for name, sentence in _RISKS.items() if name in names)


def _downtime(services: Sequence[ServiceChange], runtime: Runtime) -> tuple[str, ...]:
    moved = {c.service for c in services if c.action in {"restart", "recreate"}}
    said = []
    if moved & {"litellm", "redis", "postgres", "postgres-litellm"}:
        said.append("Calls fail while litellm starts again.")
    if moved & {"phoenix", "postgres", "postgres-phoenix"}:
        said.append("Traces wait, or are lost, while phoenix starts again.")
    apps = (app for app in runtime.apps if app in moved)
    said += [f"{app} does not answer while it starts again." for app in apps]
    return tuple(said)


def _count(found: Sequence[object], noun: str) -> str:
    return f"{len(found)} {noun}{'' if len(found) == 1 else 's'}"
