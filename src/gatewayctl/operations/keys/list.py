"""`keys list`: the keys declared, registered in LiteLLM and stored in .env, joined by alias.

Owns the join and the state of each key. Must not know terminals.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

from gatewayctl.gateway.client import GatewayClient
from gatewayctl.gateway.keys import VirtualKey, hash_key, iterate_keys
from gatewayctl.operations.counting import read_all
from gatewayctl.operations.keys.metadata import (
    is_blocked,
    is_ours,
    is_predecessor,
    is_successor,
    variable_of,
)
from gatewayctl.operations.keys.owners import OwnerStep, plan_owners
from gatewayctl.operations.keys.plan import find_differences
from gatewayctl.operations.keys.values import read_current_values
from gatewayctl.runtimes.base import Progress
from gatewayctl.settings.declared.keys import DeclaredKey
from gatewayctl.settings.master_key import require_master_key
from gatewayctl.settings.model import Secret, Settings

KeyState = Literal[
    "ok", "missing", "not_in_gateway", "not_in_env_file", "other_key_in_env_file",
    "expired", "blocked", "budget_spent", "retiring", "unfinished", "foreign",
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRow:
    """One key. ``key`` is masked; ``spend`` in US dollars as last written by LiteLLM.

    ``differs`` lists what is not as declared, such as ``max_budget: 7 → 5``. The states:

    ``ok``: LiteLLM has the secret of .env under this alias. ``missing``: in neither.
    ``not_in_gateway``: only in .env. ``not_in_env_file``: only in LiteLLM, so its secret is
    lost. ``blocked``: by an operator in LiteLLM, whatever else is wrong with it; never replaced.
    ``budget_spent``: calls are refused until it is raised or reset.
    ``other_key_in_env_file``: in both, with different secrets. ``retiring``: rotated, and
    valid for its grace period. ``unfinished``: the new key of an interrupted rotation;
    `keys create` finishes it. ``foreign``: not created by this project.
    """

    alias: str | None
    env: str | None
    declared: bool
    in_gateway: bool
    in_env: bool
    state: KeyState
    key: str | None
    models: tuple[str, ...]
    expires: datetime | None
    spend: float | None
    max_budget: float | None = None
    budget_duration: str | None = None
    team: str | None = None
    user: str | None = None
    differs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class KeysListReport:
    """The project's own keys first, then foreign ones, both in LiteLLM's order.

    ``teams`` and ``users``: the declared ones, and others of this project.
    """

    keys: tuple[KeyRow, ...]
    teams: tuple[OwnerStep, ...] = ()
    users: tuple[OwnerStep, ...] = ()

    @property
    def own(self) -> tuple[KeyRow, ...]:
        return tuple(row for row in self.keys if row.state != "foreign")

    @property
    def foreign(self) -> tuple[KeyRow, ...]:
        return tuple(row for row in self.keys if row.state == "foreign")


def list_keys(
    settings: Settings,
    gateway: GatewayClient,
    *,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Generator[Progress, None, KeysListReport]:
    """List every key of the gateway and of gateway.yaml, and yield progress; changes nothing.

    Raises MasterKeyMissing, MasterKeyRefused, GatewayDatabaseMissing, GatewayUnreachable.
    """
    master = require_master_key(settings)
    keys = yield from read_all("keys", iterate_keys(gateway, master))
    report = join_keys(settings, keys, now=now())
    owners = [each.step for each in plan_owners(settings, gateway, master)]
    return replace(
        report,
        teams=tuple(owner for owner in owners if owner.kind == "team"),
        users=tuple(owner for owner in owners if owner.kind == "user"),
    )


def join_keys(settings: Settings, keys: tuple[VirtualKey, ...], *, now: datetime) -> KeysListReport:
    """Join the declared keys with LiteLLM's ``keys`` and with the current .env."""
    values, project = read_current_values(settings), settings.project_name
    # Aliases are unique but for a race in LiteLLM; then the newest key counts.
    by_alias = {key.alias: key for key in reversed(keys) if key.alias}
    current = {key.alias: by_alias.get(key.alias) for key in settings.keys}
    rows = [_declared_row(key, current[key.alias], values, now, project) for key in settings.keys]
    declared = {key.hash for key in current.values() if key is not None}
    others = [key for key in keys if key.hash not in declared]
    rows += [_own_row(key, values, now) for key in others if is_ours(key, project)]
    rows += [_foreign_row(key, now) for key in others if not is_ours(key, project)]
    return KeysListReport(keys=tuple(rows))


def _declared_row(
    declared: DeclaredKey,
    key: VirtualKey | None,
    values: Mapping[str, Secret],
    now: datetime,
    project: str,
) -> KeyRow:
    secret = values.get(declared.env)
    if key is not None:
        row = _registered_row(key, env=declared.env, secret=secret, declared=True, now=now)
        # A foreign key is used as it is.
        ours = is_ours(key, project)
        return replace(row, differs=find_differences(declared, key) if ours else ())
    return KeyRow(
        alias=declared.alias,
        env=declared.env,
        declared=True,
        in_gateway=False,
        in_env=secret is not None,
        state="missing" if secret is None else "not_in_gateway",
        key=None if secret is None else secret.masked(),
        models=declared.models,
        expires=None,
        spend=None,
    )


def _own_row(key: VirtualKey, values: Mapping[str, Secret], now: datetime) -> KeyRow:
    """A key that is not declared; its metadata has the variable that holds it."""
    name = variable_of(key)
    secret = values.get(name) if name else None
    if is_predecessor(key) or is_successor(key):
        return _rotation_row(key, name, secret, now)
    return _registered_row(key, env=name, secret=secret, declared=False, now=now)


def _rotation_row(key: VirtualKey, env: str | None, secret: Secret | None, now: datetime) -> KeyRow:
    """A key of a rotation; its variable usually holds another key of the same alias."""
    row = _registered_row(key, env=env, secret=secret, declared=False, now=now)
    in_env = secret is not None and hash_key(secret) == key.hash
    stage: KeyState = "unfinished" if is_successor(key) else "retiring"
    state = "expired" if key.is_expired(now) else stage
    return replace(row, in_env=in_env, key=key.name, state=state)


def _registered_row(
    key: VirtualKey, *, env: str | None, secret: Secret | None, declared: bool, now: datetime
) -> KeyRow:
    return KeyRow(
        alias=key.alias,
        env=env,
        declared=declared,
        in_gateway=True,
        in_env=secret is not None,
        state=_state(key, secret, now),
        key=key.name if secret is None else secret.masked(),
        models=key.models,
        expires=key.expires,
        spend=key.spend,
        max_budget=key.limits.get("max_budget"),
        budget_duration=key.limits.get("budget_duration"),
        team=key.limits.get("team_id"),
        user=key.limits.get("user_id"),
    )


def _state(key: VirtualKey, secret: Secret | None, now: datetime) -> KeyState:
    # First: a blocked key is not replaced, whatever else is wrong with it.
    if is_blocked(key, () if secret is None else {hash_key(secret)}):
        return "blocked"
    if secret is None:
        return "not_in_env_file"
    if hash_key(secret) != key.hash:
        return "other_key_in_env_file"
    if key.is_expired(now):
        return "expired"
    return "budget_spent" if key.is_spent else "ok"


def _foreign_row(key: VirtualKey, now: datetime) -> KeyRow:
    row = _registered_row(key, env=None, secret=None, declared=False, now=now)
    return replace(row, state="foreign")
