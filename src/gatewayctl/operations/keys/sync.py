"""`keys sync`: makes LiteLLM and .env match gateway.yaml. plan → show → do.

Owns the execution of a plan, key by key. Must not decide what to do, or know terminals.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from gatewayctl.errors import Drift, GatewayctlError, PartlyDone
from gatewayctl.gateway import keys as litellm
from gatewayctl.gateway.client import GatewayClient
from gatewayctl.gateway.keys import KeyChange
from gatewayctl.operations.counting import handle_all
from gatewayctl.operations.keys.limits import changed_limits
from gatewayctl.operations.keys.metadata import (
    DURATION_METADATA,
    advise_blocked,
    updated_metadata,
)
from gatewayctl.operations.keys.owners import (
    CONFLICT_REMEDY,
    OWNER_CHANGES,
    OwnerStep,
    PlannedOwner,
    apply_owner,
    plan_owners,
    require_license,
    require_owners,
)
from gatewayctl.operations.keys.plan import (
    CHANGES,
    NOT_DECLARED,
    KeyStep,
    PlannedKeyStep,
    find_differences,
    load_known_keys,
    plan_keys,
)
from gatewayctl.operations.keys.provision import KeyProvisioner
from gatewayctl.operations.state.exclusive import change_project
from gatewayctl.runtimes.base import Progress
from gatewayctl.settings.declared.keys import DeclaredKey
from gatewayctl.settings.declared.limits import KEY_LIMITS
from gatewayctl.settings.master_key import require_master_key
from gatewayctl.settings.model import Settings
from gatewayctl.settings.overrides import require_no_overrides


@dataclass(frozen=True, slots=True, kw_only=True)
class KeysSyncReport:
    """The plan, and unless ``dry_run`` its outcome.

    ``drift``: something differed from gateway.yaml before. ``changed``: something was changed.
    ``teams`` and ``users``: the declared ones, and others of this project.
    """

    keys: tuple[KeyStep, ...]
    dry_run: bool
    prune: bool
    drift: bool
    changed: bool
    env_file: Path
    warnings: tuple[str, ...]
    teams: tuple[OwnerStep, ...] = ()
    users: tuple[OwnerStep, ...] = ()

    @property
    def problem(self) -> GatewayctlError | None:
        owners = (*self.users, *self.teams)
        if self.dry_run:
            count = sum(key.action in CHANGES for key in self.keys)
            count += sum(owner.action in OWNER_CHANGES for owner in owners)
            messages, remedies = [], []
            if count:
                messages.append(f"Keys differ from gateway.yaml: {count} to change.")
                remedies.append("Run `gatewayctl keys sync`.")
            # No change of ours helps these.
            stuck = [key for key in self.keys if key.drift and key.action not in CHANGES]
            messages += [f"{key.alias}: {key.reason}." for key in stuck]
            remedies += [advise_blocked(str(k.alias)) for k in stuck if k.action == "blocked"]
            if conflicts := [owner for owner in owners if owner.action == "conflict"]:
                messages += [f"{owner.title}: {owner.reason}." for owner in conflicts]
                remedies.append(CONFLICT_REMEDY)
            return Drift(" ".join(messages), hint=" ".join(remedies)) if self.drift else None
        failed = [f"{key.alias}: {key.error}" for key in self.keys if key.error is not None]
        failed += [owner.error for owner in owners if owner.error is not None]
        if not failed:
            return None
        what = "keys, teams or users" if any(owner.error for owner in owners) else "keys"
        return PartlyDone(f"{len(failed)} {what} could not be synchronized. {' '.join(failed)}")


def sync_keys(
    settings: Settings,
    gateway: GatewayClient,
    *,
    prune: bool = False,
    dry_run: bool = False,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Generator[Progress, None, KeysSyncReport]:
    """Plan, and unless ``dry_run`` apply the plan; a second run changes nothing.

    The failure of one key is in the report. Raises MasterKeyMissing, MasterKeyRefused,
    GatewayDatabaseMissing, GatewayUnreachable and Locked.
    """
    if dry_run:
        return (yield from apply_sync(settings, gateway, prune=prune, dry_run=True, now=now))
    # Before the lock, which would create the folder of a project that does not exist.
    require_master_key(settings)
    with change_project(settings, "keys sync") as record:
        report = yield from apply_sync(settings, gateway, prune=prune, dry_run=False, now=now)
        record.problem = report.problem
        record.subject = " ".join(key.alias for key in report.keys if key.done and key.alias)
    return report


def find_prunable(
    settings: Settings, gateway: GatewayClient
) -> Generator[Progress, None, tuple[str, ...]]:
    """What pruning deletes: the aliases of live keys, then teams and users; yields progress.

    Raises what `sync_keys` raises.
    """
    require_no_overrides(settings)
    known = yield from load_known_keys(settings, gateway, now=datetime.now(UTC), prune=True)
    steps = (each.step for each in plan_keys(known))
    owners = plan_owners(settings, gateway, require_master_key(settings), prune=True)
    keys = (step for step in steps if step.action == "delete" and step.reason == NOT_DECLARED)
    doomed = (each.step for each in owners if each.step.action == "delete")
    return (*(str(key.alias) for key in keys), *(f"{each.kind} {each.name}" for each in doomed))


def apply_sync(
    settings: Settings,
    gateway: GatewayClient,
    *,
    prune: bool,
    dry_run: bool,
    now: Callable[[], datetime],
) -> Generator[Progress, None, KeysSyncReport]:
    """Do what `sync_keys` does, for a caller that holds the project's lock."""
    master = require_master_key(settings)
    require_no_overrides(settings)
    require_license(settings, gateway, master, settings.keys)
    planned = plan_owners(settings, gateway, master, prune=prune)
    declared = [each for each in planned if each.declared is not None]
    others = [each for each in planned if each.declared is None]

    def apply(owners: Iterable[PlannedOwner]) -> list[OwnerStep]:
        return [
            each.step if dry_run else apply_owner(settings, gateway, master, each)
            for each in owners
        ]

    known = yield from load_known_keys(settings, gateway, now=now(), prune=prune)
    steps = plan_keys(known)
    provisioner = KeyProvisioner(settings=settings, gateway=gateway, master=master, now=now)
    # Keys belong to teams and users: these exist before, and are deleted after.
    owners = apply(declared)
    keys = [each.step for each in steps]
    if not dry_run:
        changes = [each for each in steps if each.step.action in CHANGES]
        change = partial(_apply, provisioner)
        applied = iter((yield from handle_all("keys", changes, change, handled="processed")))
        keys = [
            next(applied) if each.step.action in CHANGES else _leave(each.step) for each in steps
        ]
    owners += apply(others)
    return KeysSyncReport(
        keys=tuple(keys),
        dry_run=dry_run,
        prune=prune,
        drift=any(key.step.drift for key in steps) or any(each.step.drift for each in planned),
        changed=any(key.done for key in keys) or any(owner.done for owner in owners),
        env_file=settings.env_file,
        warnings=tuple(provisioner.warnings),
        teams=tuple(owner for owner in owners if owner.kind == "team"),
        users=tuple(owner for owner in owners if owner.kind == "user"),
    )


def _leave(step: KeyStep) -> KeyStep:
    """A step that changes nothing; a conflict is its error."""
    return replace(step, error=step.reason if step.drift else None)


def _apply(provisioner: KeyProvisioner, planned: PlannedKeyStep) -> KeyStep:
    step = planned.step
    try:
        _change(provisioner, planned)
    except GatewayctlError as error:
        return replace(step, error=error.message)
    return replace(step, done=True)


def _change(provisioner: KeyProvisioner, planned: PlannedKeyStep) -> None:
    step, declared = planned.step, planned.declared
    if step.action == "delete" and planned.key is not None:
        provisioner.delete(planned.key, step.env)
    elif declared is None:
        # The interrupted rotation of a key that is not declared.
        family = provisioner.rotation.load_family(str(step.alias))
        provisioner.finish_rotation(family, provisioner.stored_secret(step.env))
    else:
        if step.action != "update":
            provisioner.ensure(declared)
        _update(provisioner, declared)


def _update(provisioner: KeyProvisioner, declared: DeclaredKey) -> None:
    """Change all that differs in one request; loads the key again, as it may be new."""
    gateway, master = provisioner.gateway, provisioner.master
    current = litellm.find_key_by_alias(gateway, master, declared.alias)
    if current is None or not find_differences(declared, current):
        return
    require_owners(gateway, master, declared)
    other_duration = current.metadata.get(DURATION_METADATA) != declared.duration
    change = KeyChange(
        models=declared.models,
        metadata=updated_metadata(declared, provisioner.settings.project_name, current),
        duration=declared.duration if other_duration else None,
        never_expires=other_duration and declared.duration is None,
        limits=changed_limits(KEY_LIMITS, declared, current),
    )
    litellm.update_key(gateway, master, current.hash, change)
