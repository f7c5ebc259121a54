"""What `keys sync` would do, as data: one step for each key, from three sources.

Owns the decision on each key of gateway.yaml, LiteLLM and .env. Must not change any.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from gatewayctl.gateway import keys as litellm
from gatewayctl.gateway.client import GatewayClient
from gatewayctl.gateway.keys import VirtualKey, hash_key
from gatewayctl.operations.counting import read_all
from gatewayctl.operations.keys.limits import find_limit_differences, find_undeclared
from gatewayctl.operations.keys.metadata import (
    DURATION_METADATA,
    ENV_METADATA,
    alias_of,
    is_ours,
    is_predecessor,
    is_successor,
    user_metadata,
    variable_of,
)
from gatewayctl.operations.keys.rotation import (
    Family,
    classify_family,
    find_blocked,
    group_families,
)
from gatewayctl.operations.keys.values import (
    is_plausible_key,
    read_current_values,
    read_env_file_values,
)
from gatewayctl.runtimes.base import Progress
from gatewayctl.settings.declared.keys import DeclaredKey
from gatewayctl.settings.declared.limits import KEY_LIMITS
from gatewayctl.settings.master_key import require_master_key
from gatewayctl.settings.model import Secret, Settings

Action = Literal[
    "none", "create", "register", "replace", "move", "finish", "update", "delete",
    "keep", "foreign", "conflict", "blocked",
]  # fmt: skip
CHANGES: Final[frozenset[Action]] = frozenset(
    {"create", "register", "replace", "move", "finish", "update", "delete"}
)
_UNFIXABLE: Final[frozenset[Action]] = frozenset({"conflict", "blocked"})
NOT_DECLARED: Final = "not declared in gateway.yaml"
_INTERRUPTED: Final = "its rotation was interrupted"
_BLOCKED: Final = "it is blocked in LiteLLM"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyStep:
    """One key and its action; ``changes`` look like ``models: demo → gpt-4o``.

    ``create``: in neither place. ``register``: LiteLLM does not know the secret of .env.
    ``replace``: the secret of our key is lost, or it has expired or was deleted. ``move``: the
    variable was renamed. ``finish``: a rotation was interrupted. ``delete``: ours and not
    declared, or its grace period is over. ``keep``: ours and not declared, but not to be pruned,
    or in its grace period. ``foreign``: created by others, never changed. ``conflict``,
    ``blocked``: different, and cannot be fixed by gatewayctl. ``undeclared``: limits that were set
    in LiteLLM and stay. ``done`` and ``error``: whether `keys sync` did it, or why not.
    """

    alias: str | None
    env: str | None
    declared: bool
    action: Action
    changes: tuple[str, ...] = ()
    undeclared: tuple[str, ...] = ()
    reason: str | None = None
    done: bool = False
    error: str | None = None

    @property
    def drift(self) -> bool:
        return self.action in CHANGES or self.action in _UNFIXABLE


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedKeyStep:
    """A step, with the declared key and the key in LiteLLM that it is about."""

    step: KeyStep
    declared: DeclaredKey | None = None
    key: VirtualKey | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownKeys:
    """The input of a plan; ``values`` are those of the variables.

    ``deleted`` are the hashes of those values whose keys LiteLLM deleted, ``outside`` the variables
    that only the environment sets.
    """

    settings: Settings
    keys: tuple[VirtualKey, ...]
    values: Mapping[str, Secret]
    now: datetime
    deleted: frozenset[str] = frozenset()
    outside: frozenset[str] = frozenset()
    prune: bool = False

    @property
    def project(self) -> str:
        return self.settings.project_name

    def hash_in(self, env: str | None) -> str | None:
        secret = self.values.get(env) if env else None
        return None if secret is None else hash_key(secret)


def load_known_keys(
    settings: Settings, gateway: GatewayClient, *, now: datetime, prune: bool = False
) -> Generator[Progress, None, KnownKeys]:
    """Load the input of a plan from LiteLLM, .env and the environment, and yield progress.

    Raises MasterKeyMissing, MasterKeyRefused, GatewayDatabaseMissing, GatewayUnreachable.
    """
    master = require_master_key(settings)
    keys = yield from read_all("keys", litellm.iterate_keys(gateway, master))
    values = read_current_values(settings)
    live = {key.hash for key in keys}
    found = [values[key.env] for key in settings.keys if key.env in values]
    stored = {hash_key(value) for value in found if is_plausible_key(value)}
    return KnownKeys(
        settings=settings,
        keys=keys,
        values=values,
        now=now,
        deleted=frozenset(
            each for each in stored - live if litellm.was_deleted(gateway, master, each)
        ),
        outside=frozenset(values) - frozenset(read_env_file_values(settings)),
        prune=prune,
    )


def plan_keys(known: KnownKeys) -> tuple[PlannedKeyStep, ...]:
    """Plan the declared keys in their order, then our other keys, then foreign ones."""
    groups = group_families(known.keys)
    families = {
        key.alias: classify_family(key.alias, groups.get(key.alias, ()), known.project)
        for key in known.settings.keys
    }
    declared = [_plan_declared(known, key, families[key.alias]) for key in known.settings.keys]
    rest = [key for key in known.keys if key.alias not in families]
    mine = [key for key in rest if is_ours(key, known.project)]
    covered = {key.hash for family in families.values() for key in family.successors}
    ours = [_plan_own(known, key, groups) for key in mine if key.hash not in covered]
    foreign = [_plan_foreign(key) for key in rest if not is_ours(key, known.project)]
    return (*declared, *ours, *foreign)


def _plan_declared(known: KnownKeys, declared: DeclaredKey, family: Family) -> PlannedKeyStep:
    current = next(iter(family.current), None)
    action, changes, reason = _judge(known, declared, family)
    step = KeyStep(
        alias=declared.alias,
        env=declared.env,
        declared=True,
        action=action,
        changes=changes,
        undeclared=() if current is None else find_undeclared(KEY_LIMITS, declared, current),
        reason=reason,
    )
    return PlannedKeyStep(step=step, declared=declared, key=current)


_Verdict = tuple[Action, tuple[str, ...], str | None]


def _judge(known: KnownKeys, declared: DeclaredKey, family: Family) -> _Verdict:
    stored = known.hash_in(declared.env)
    if _has_blocked(known, family, declared.env):
        return "blocked", (), _BLOCKED
    if family.interrupted:
        return "finish", (), _INTERRUPTED
    if declared.env in known.outside and stored not in {key.hash for key in family.current}:
        # Never registered: it may be a key that was revoked after the shell read it.
        why = f"{declared.env} is set in the environment only, to another value"
        return "conflict", (), f"{why}: run `unset {declared.env}`"
    if stored in known.deleted or any(key.hash == stored for key in family.predecessors):
        ended = "deleted" if stored in known.deleted else "rotated"
        return "replace", (), f"{declared.env} holds a key that was {ended}"
    if not family.current:
        return _judge_unregistered(known, declared, stored)
    current = family.current[0]
    judge = _judge_own if is_ours(current, known.project) else _judge_foreign
    return judge(known, declared, current, stored)


def _has_blocked(known: KnownKeys, family: Family, env: str | None) -> bool:
    """True if an operator blocked a key of the alias, which ends all that would replace it."""
    stored = known.hash_in(env)
    return find_blocked(family, () if stored is None else {stored}, known.project) is not None


def _judge_foreign(
    _: KnownKeys, __: DeclaredKey, current: VirtualKey, stored: str | None
) -> _Verdict:
    if stored == current.hash:
        return "foreign", (), "created by others; .env holds it"
    return "conflict", (), "created by others, and .env does not hold it"


def _judge_own(
    known: KnownKeys, declared: DeclaredKey, current: VirtualKey, stored: str | None
) -> _Verdict:
    changes = find_differences(declared, current)
    if stored is None and known.hash_in(variable_of(current)) == current.hash:
        return "move", (f"env: {variable_of(current)} → {declared.env}",), None
    if stored != current.hash:
        return "replace", (), "its secret is lost"
    if current.is_expired(known.now):
        return "replace", (), "it has expired"
    return ("update" if changes else "none"), changes, None


def _judge_unregistered(known: KnownKeys, declared: DeclaredKey, stored: str | None) -> _Verdict:
    if stored is None:
        return "create", (), None
    other = next((key for key in known.keys if key.hash == stored), None)
    if other is None:
        return "register", (), f"LiteLLM does not know the secret in {declared.env}"
    return "conflict", (), f"{declared.env} holds the key {other.alias!r}"


def _plan_own(
    known: KnownKeys, key: VirtualKey, groups: Mapping[str, Sequence[VirtualKey]]
) -> PlannedKeyStep:
    action: Action = "delete" if known.prune else "keep"
    alias, reason = key.alias, NOT_DECLARED
    if is_successor(key):
        action, alias, reason = "finish", alias_of(key), _INTERRUPTED
        family = classify_family(str(alias), groups.get(str(alias), ()), known.project)
        if _has_blocked(known, family, variable_of(key)):
            action, reason = "blocked", _BLOCKED
    elif is_predecessor(key) and key.is_expired(known.now):
        action, reason = "delete", "its grace period is over"
    elif is_predecessor(key):
        action, reason = "keep", "in its grace period"
    step = KeyStep(alias=alias, env=variable_of(key), declared=False, action=action, reason=reason)
    return PlannedKeyStep(step=step, key=key)


def _plan_foreign(key: VirtualKey) -> PlannedKeyStep:
    step = KeyStep(alias=key.alias, env=None, declared=False, action="foreign")
    return PlannedKeyStep(step=step, key=key)


def find_differences(declared: DeclaredKey, key: VirtualKey) -> tuple[str, ...]:
    """List what differs from gateway.yaml, such as ``metadata.team: search → ads``."""
    found = []
    if set(declared.models) != set(key.models):
        found.append(f"models: {_format_models(key.models)} → {_format_models(declared.models)}")
    names = sorted({*user_metadata(key.metadata), *declared.metadata})
    for label, name, wanted in (
        *((f"metadata.{name}", name, declared.metadata.get(name)) for name in names),
        ("duration", DURATION_METADATA, declared.duration),
        ("env", ENV_METADATA, declared.env),
    ):
        if key.metadata.get(name) != wanted:
            found.append(f"{label}: {_format(key.metadata.get(name))} → {_format(wanted)}")
    return (*found, *find_limit_differences(KEY_LIMITS, declared, key))


def _format_models(models: Iterable[str]) -> str:
    return ", ".join(sorted(models)) or "all"


def _format(value: Any) -> str:
    return "-" if value is None else str(value)
