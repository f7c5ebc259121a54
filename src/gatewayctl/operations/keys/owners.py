"""Teams and users that keys belong to: compared with gateway.yaml, created, changed and deleted.

plan → show → do, as `plan` and `sync` for keys. An id is created once, so an interrupted run can be
repeated. Owns the decision on each and its execution. Must not know keys or terminals.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, Literal

from gatewayctl.errors import (
    GatewayDatabaseMissing,
    GatewayRefused,
    LicenseMissing,
    MasterKeyRefused,
    Refused,
)
from gatewayctl.gateway import owners as litellm
from gatewayctl.gateway.client import GatewayClient
from gatewayctl.gateway.owners import Owner
from gatewayctl.operations.keys.limits import (
    changed_limits,
    find_limit_differences,
    find_undeclared,
    format_value,
    wanted_limits,
)
from gatewayctl.operations.keys.metadata import is_ours, owner_metadata, user_metadata
from gatewayctl.settings.declared.keys import DeclaredKey, DeclaredOwner, OwnerKind
from gatewayctl.settings.declared.limits import KEY_LIMITS, OWNER_LIMITS, licensed_fields
from gatewayctl.settings.model import Secret, Settings

OwnerAction = Literal["none", "create", "update", "delete", "keep", "conflict"]
OWNER_CHANGES: Final[frozenset[OwnerAction]] = frozenset({"create", "update", "delete"})
NOT_DECLARED: Final = "not declared in gateway.yaml"
CONFLICT_REMEDY: Final = (
    "Others created a team or user of that id: choose another one in gateway.yaml, or delete it in"
    " LiteLLM."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerStep:
    """One team or user and its action; ``changes`` and ``undeclared`` as those of a key's step.

    ``delete``: ours and not declared. ``keep``: the same, but not to be pruned. ``conflict``:
    created by others under the declared id, never changed. ``done`` and ``error``: whether it was
    done, or why not.
    """

    kind: OwnerKind
    name: str
    declared: bool
    action: OwnerAction
    changes: tuple[str, ...] = ()
    undeclared: tuple[str, ...] = ()
    reason: str | None = None
    spend: float | None = None
    max_budget: float | None = None
    done: bool = False
    error: str | None = None

    @property
    def drift(self) -> bool:
        return self.action in OWNER_CHANGES or self.action == "conflict"

    @property
    def title(self) -> str:
        return f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedOwner:
    """A step, with the declared team or user and the one in LiteLLM that it is about."""

    step: OwnerStep
    declared: DeclaredOwner | None = None
    found: Owner | None = None


def plan_owners(
    settings: Settings, gateway: GatewayClient, master: Secret, *, prune: bool = False
) -> tuple[PlannedOwner, ...]:
    """Plan the declared users and teams in the order of creation, then our other ones.

    Raises MasterKeyRefused, GatewayDatabaseMissing, GatewayUnreachable.
    """
    planned = [
        _plan(settings, each, litellm.find_owner(gateway, master, each.kind, each.name))
        for each in settings.owners
    ]
    if prune or settings.owners:
        names = {(each.kind, each.name) for each in settings.owners}
        kinds: tuple[OwnerKind, ...] = ("team", "user")
        planned += [
            _plan_undeclared(found, prune=prune)
            for kind in kinds
            for found in litellm.list_owners(gateway, master, kind)
            if (kind, found.name) not in names and is_ours(found, settings.project_name)
        ]
    return tuple(planned)


def ensure_owners(
    settings: Settings, gateway: GatewayClient, master: Secret
) -> tuple[OwnerStep, ...]:
    """Create the declared users and teams that are missing, and change none.

    A refusal is in the step of its owner. Raises MasterKeyRefused, GatewayDatabaseMissing,
    GatewayUnreachable.
    """
    steps = []
    for declared in settings.owners:
        found = litellm.find_owner(gateway, master, declared.kind, declared.name)
        planned = _plan(settings, declared, found)
        if planned.step.action in {"create", "conflict"}:
            planned = replace(planned, step=apply_owner(settings, gateway, master, planned))
        steps.append(planned.step)
    return tuple(steps)


def apply_owner(
    settings: Settings, gateway: GatewayClient, master: Secret, planned: PlannedOwner
) -> OwnerStep:
    """Do what is planned; a refusal is in the step that is returned."""
    step = planned.step
    if step.action == "conflict":
        return replace(step, error=f"{step.title}: {step.reason}.")
    if step.action not in OWNER_CHANGES:
        return step
    try:
        _apply(settings, gateway, master, planned)
    except (MasterKeyRefused, GatewayDatabaseMissing):
        raise
    except Refused as error:
        return replace(step, error=f"{step.title}: {error.message}")
    return replace(step, done=True)


def require_owners(gateway: GatewayClient, master: Secret, declared: DeclaredKey) -> None:
    """Raise GatewayRefused for a key of a team or user that LiteLLM does not have.

    LiteLLM would create the key, and then refuse every call with it.
    """
    for kind, name in declared.owners:
        if litellm.find_owner(gateway, master, kind, name) is None:
            raise GatewayRefused(
                f"LiteLLM has no {kind} {name!r}, which the key {declared.alias} belongs to.",
                hint=f"Declare it under {kind}s: in gateway.yaml, or correct {kind}_id:.",
            )


def require_license(
    settings: Settings,
    gateway: GatewayClient,
    master: Secret,
    keys: Iterable[DeclaredKey],
) -> None:
    """Raise LicenseMissing for declared fields that LiteLLM refuses without a license.

    LiteLLM would refuse some only when a key is used.
    """
    needed = [
        f"keys.{key.alias}.{name}"
        for key in keys
        for name in licensed_fields(KEY_LIMITS, key.limits, key.metadata)
    ]
    needed += [
        f"{owner.kind}s.{owner.name}.{name}"
        for owner in settings.owners
        for name in licensed_fields(OWNER_LIMITS[owner.kind], owner.limits, owner.metadata)
    ]
    if needed and not litellm.has_license(gateway, master):
        places = ", ".join(f"{path} ({settings.source_of(path)})" for path in needed)
        raise LicenseMissing(
            f"Without an Enterprise license LiteLLM refuses {places}. No key was changed."
        )


def _plan(settings: Settings, declared: DeclaredOwner, found: Owner | None) -> PlannedOwner:
    action: OwnerAction = "create"
    changes: tuple[str, ...] = ()
    reason = None
    if found is not None and not (is_ours(found, settings.project_name) or found.is_blank):
        action, reason = "conflict", "created by others, so it is not changed"
    elif found is not None:
        changes = _find_differences(declared, found)
        action = "update" if changes else "none"
    step = OwnerStep(
        kind=declared.kind,
        name=declared.name,
        declared=True,
        action=action,
        changes=changes,
        undeclared=() if found is None else _list_undeclared(declared, found),
        reason=reason,
        spend=None if found is None else found.spend,
        max_budget=(declared if found is None else found).limits.get("max_budget"),
    )
    return PlannedOwner(step=step, declared=declared, found=found)


def _plan_undeclared(found: Owner, *, prune: bool) -> PlannedOwner:
    step = OwnerStep(
        kind=found.kind,
        name=found.name,
        declared=False,
        action="delete" if prune else "keep",
        reason=NOT_DECLARED,
        spend=found.spend,
        max_budget=found.limits.get("max_budget"),
    )
    return PlannedOwner(step=step, found=found)


def _list_undeclared(declared: DeclaredOwner, found: Owner) -> tuple[str, ...]:
    """Without the name that a team gets by itself."""
    default = f"team_alias: {declared.name}"
    found_ = find_undeclared(OWNER_LIMITS[declared.kind], declared, found)
    return tuple(each for each in found_ if each != default)


def _find_differences(declared: DeclaredOwner, found: Owner) -> tuple[str, ...]:
    changes = []
    if set(declared.models) != set(found.models):
        changes.append(f"models: {_models(found.models)} → {_models(declared.models)}")
    if declared.members is not None and set(declared.members) != set(found.members):
        has, wanted = (", ".join(sorted(each)) or "-" for each in (found.members, declared.members))
        changes.append(f"members: {has} → {wanted}")
    has_, wanted_ = user_metadata(found.metadata), declared.metadata
    changes += [
        f"metadata.{name}: {format_value(has_.get(name))} → {format_value(wanted_.get(name))}"
        for name in sorted({*has_, *wanted_})
        if has_.get(name) != wanted_.get(name)
    ]
    return (*changes, *find_limit_differences(OWNER_LIMITS[declared.kind], declared, found))


def _models(models: tuple[str, ...]) -> str:
    return ", ".join(sorted(models)) or "all"


def _apply(
    settings: Settings, gateway: GatewayClient, master: Secret, planned: PlannedOwner
) -> None:
    declared, found = planned.declared, planned.found
    if declared is None:
        _delete(gateway, master, planned.step)
        return
    table = OWNER_LIMITS[declared.kind]
    metadata = owner_metadata(declared, settings.project_name, found)
    body = {"models": list(declared.models), "metadata": metadata}
    if found is None:
        body |= wanted_limits(table, declared, None)
        litellm.create_owner(
            gateway, master, declared.kind, declared.name, body, members=declared.members or ()
        )
        return
    if declared.kind == "user" and not declared.models:
        body["models"] = list(litellm.ALL_MODELS)
    body |= changed_limits(table, declared, found)
    litellm.update_owner(gateway, master, declared.kind, declared.name, body)
    _change_members(gateway, master, declared, found)


def _change_members(
    gateway: GatewayClient, master: Secret, declared: DeclaredOwner, found: Owner
) -> None:
    if declared.members is None:
        return
    added = tuple(user for user in declared.members if user not in found.members)
    if added:
        litellm.add_members(gateway, master, declared.name, added)
    for user in found.members:
        if user not in declared.members:
            litellm.remove_member(gateway, master, declared.name, user)


def _delete(gateway: GatewayClient, master: Secret, step: OwnerStep) -> None:
    """Delete a team or user without keys: LiteLLM would delete them, whoever they belong to."""
    found = litellm.find_owner(gateway, master, step.kind, step.name)
    if found is not None and found.keys:
        count = len(found.keys)
        raise GatewayRefused(
            f"it still has {count} virtual key{'' if count == 1 else 's'}, so it is not deleted."
        )
    litellm.delete_owner(gateway, master, step.kind, step.name)
