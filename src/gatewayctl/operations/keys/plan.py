"""What `keys sync` would do, as data: one step a key, from three sources.

Owns the verdict on each key of gateway.yaml, of LiteLLM and of .env. Must not change any.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from gatewayctl.gateway.keys import VirtualKey, hash_key
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
from gatewayctl.operations.keys.rotation import Family, classify_family
from gatewayctl.settings.model import DeclaredKey, Secret, Settings

Action = Literal[
    "none", "create", "register", "replace", "move", "finish", "update", "delete",
    "keep", "foreign", "conflict", "blocked",
]  # fmt: skip
CHANGES: Final[frozenset[Action]] = frozenset(
    {"create", "register", "replace", "move", "finish", "update", "delete"}
)
_UNFIXABLE: Final[frozenset[Action]] = frozenset({"conflict", "blocked"})


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyStep:
    """One key and what is due; ``changes`` read ``models: demo → gpt-4o``.

    ``create``: in neither place. ``register``: LiteLLM does not know the secret of .env.
    ``replace``: our key's secret is lost or its time over. ``move``: the variable was
    renamed. ``finish``: a rotation was interrupted. ``delete``: ours and not declared, or
    its time of grace is over. ``keep``: ours, not declared, and left because pruning was
    not asked for, or in its time of grace. ``foreign``: made by others, never touched.
    ``conflict``, ``blocked``: differ, and cannot be put right from here.
    """

    alias: str | None
    env: str | None
    declared: bool
    action: Action
    changes: tuple[str, ...] = ()
    reason: str | None = None

    @property
    def drift(self) -> bool:
        return self.action in CHANGES or self.action in _UNFIXABLE


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedKeyStep:
    """A step and the keys it is about: the declared one, the one in LiteLLM."""

    step: KeyStep
    declared: DeclaredKey | None = None
    key: VirtualKey | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownKeys:
    """All a plan is made of; ``values`` is what the variables hold."""

    settings: Settings
    keys: tuple[VirtualKey, ...]
    values: Mapping[str, Secret]
    now: datetime
    prune: bool = False

    @property
    def project(self) -> str:
        return self.settings.project_name

    def hash_in(self, env: str | None) -> str | None:
        secret = self.values.get(env) if env else None
        return None if secret is None else hash_key(secret)


def plan_keys(known: KnownKeys) -> tuple[PlannedKeyStep, ...]:
    """The declared keys in their order, then our others, then those of others."""
    declared = [_plan_declared(known, key) for key in known.settings.keys]
    aliases = {key.alias for key in known.settings.keys}
    rest = [key for key in known.keys if key.alias not in aliases]
    mine = [key for key in rest if is_ours(key, known.project)]
    covered = {
        key.hash
        for alias in aliases
        for key in classify_family(alias, known.keys, known.project).successors
    }
    ours = [_plan_own(known, key) for key in mine if key.hash not in covered]
    foreign = [_plan_foreign(key) for key in rest if not is_ours(key, known.project)]
    return (*declared, *ours, *foreign)


def _plan_declared(known: KnownKeys, declared: DeclaredKey) -> PlannedKeyStep:
    family = classify_family(declared.alias, known.keys, known.project)
    holder = next(iter(family.holders), None)
    action, changes, reason = _judge(known, declared, family)
    step = KeyStep(
        alias=declared.alias,
        env=declared.env,
        declared=True,
        action=action,
        changes=changes,
        reason=reason,
    )
    return PlannedKeyStep(step=step, declared=declared, key=holder)


_Verdict = tuple[Action, tuple[str, ...], str | None]


def _judge(known: KnownKeys, declared: DeclaredKey, family: Family) -> _Verdict:
    if family.interrupted:
        return "finish", (), "a rotation of it was interrupted"
    held = known.hash_in(declared.env)
    if held is not None and any(key.hash == held for key in family.predecessors):
        return "replace", (), f"{declared.env} holds a key that was rotated away"
    if not family.holders:
        return _judge_unregistered(known, declared, held)
    holder = family.holders[0]
    if not is_ours(holder, known.project):
        if held == holder.hash:
            return "foreign", (), "made by others; .env holds it"
        return "conflict", (), "made by others, and .env does not hold it"
    return _judge_own(known, declared, holder, held)


def _judge_own(
    known: KnownKeys, declared: DeclaredKey, holder: VirtualKey, held: str | None
) -> _Verdict:
    changes = find_differences(declared, holder)
    if held is None and known.hash_in(variable_of(holder)) == holder.hash:
        return "move", (f"env: {variable_of(holder)} → {declared.env}",), None
    if held != holder.hash or holder.is_expired(known.now):
        lost = held != holder.hash
        return "replace", (), "nobody has its secret any more" if lost else "its time is over"
    if holder.blocked:
        return "blocked", (), "somebody blocked it in LiteLLM"
    return ("update" if changes else "none"), changes, None


def _judge_unregistered(known: KnownKeys, declared: DeclaredKey, held: str | None) -> _Verdict:
    if held is None:
        return "create", (), None
    other = next((key for key in known.keys if key.hash == held), None)
    if other is None:
        return "register", (), f"LiteLLM does not know the secret in {declared.env}"
    return "conflict", (), f"{declared.env} holds the key {other.alias!r}"


def _plan_own(known: KnownKeys, key: VirtualKey) -> PlannedKeyStep:
    action: Action = "delete" if known.prune else "keep"
    alias, reason = key.alias, "not declared in gateway.yaml"
    if is_successor(key):
        action, alias, reason = "finish", alias_of(key), "a rotation of it was interrupted"
    elif is_predecessor(key):
        over = key.is_expired(known.now)
        action = "delete" if over else "keep"
        reason = "its time of grace is over" if over else "in its time of grace"
    step = KeyStep(alias=alias, env=variable_of(key), declared=False, action=action, reason=reason)
    return PlannedKeyStep(step=step, key=key)


def _plan_foreign(key: VirtualKey) -> PlannedKeyStep:
    step = KeyStep(alias=key.alias, env=None, declared=False, action="foreign")
    return PlannedKeyStep(step=step, key=key)


def find_differences(declared: DeclaredKey, key: VirtualKey) -> tuple[str, ...]:
    """What of a key is not as gateway.yaml has it: ``metadata.team: search → ads``."""
    found = []
    if set(declared.models) != set(key.models):
        found.append(f"models: {_format_models(key.models)} → {_format_models(declared.models)}")
    has, wants = user_metadata(key.metadata), dict(declared.metadata)
    for name in sorted({*has, *wants}):
        before, after = key.metadata.get(name), wants.get(name)
        if before != after:
            found.append(f"metadata.{name}: {_format(before)} → {_format(after)}")
    for label, name, wanted in (
        ("duration", DURATION_METADATA, declared.duration),
        ("env", ENV_METADATA, declared.env),
    ):
        if key.metadata.get(name) != wanted:
            found.append(f"{label}: {_format(key.metadata.get(name))} → {_format(wanted)}")
    return tuple(found)


def _format_models(models: Iterable[str]) -> str:
    return ", ".join(sorted(models)) or "all"


def _format(value: Any) -> str:
    return "-" if value is None else str(value)
