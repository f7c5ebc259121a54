"""`keys sync`: LiteLLM and .env made what gateway.yaml declares. plan → show → do.

Owns the carrying out of a plan, key by key. Must not decide what is due, or know terminals.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from gatewayctl.env_file.write import update_env_file
from gatewayctl.errors import Drift, GatewayctlError, PartlyDone
from gatewayctl.gateway import keys as litellm
from gatewayctl.gateway.client import GatewayClient
from gatewayctl.gateway.keys import KeyChange, VirtualKey
from gatewayctl.operations.keys.metadata import DURATION_METADATA, updated_metadata
from gatewayctl.operations.keys.plan import (
    CHANGES,
    Action,
    KnownKeys,
    PlannedKeyStep,
    find_differences,
    plan_keys,
)
from gatewayctl.operations.keys.provision import KeyProvisioner
from gatewayctl.operations.keys.values import read_current_values, read_env_file_values
from gatewayctl.operations.state.exclusive import change_project
from gatewayctl.settings.master_key import require_master_key
from gatewayctl.settings.model import DeclaredKey, Secret, Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncedKey:
    """A step of the plan and whether it was done; ``error`` says why not."""

    alias: str | None
    env: str | None
    declared: bool
    action: Action
    changes: tuple[str, ...]
    reason: str | None
    done: bool
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeysSyncReport:
    """The plan, and with ``dry_run`` false what became of it.

    ``drift``: before, something differed from what is declared. ``changed``: something was
    done about it.
    """

    keys: tuple[SyncedKey, ...]
    dry_run: bool
    prune: bool
    drift: bool
    changed: bool
    env_file: Path
    warnings: tuple[str, ...]

    @property
    def problem(self) -> GatewayctlError | None:
        if self.dry_run:
            count = sum(key.action in CHANGES for key in self.keys)
            hint = "Run `gatewayctl keys sync` to put it right."
            message = f"Keys differ from what gateway.yaml declares: {count} to change."
            return Drift(message, hint=hint) if self.drift else None
        failed = [key for key in self.keys if key.error is not None]
        if not failed:
            return None
        said = " ".join(f"{key.alias}: {key.error}" for key in failed)
        return PartlyDone(f"{len(failed)} keys are not as declared. {said}")


def sync_keys(
    settings: Settings,
    gateway: GatewayClient,
    *,
    prune: bool = False,
    dry_run: bool = False,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> KeysSyncReport:
    """Plan, and unless ``dry_run`` carry it out; doing it again changes nothing.

    What one key could not have is told in the report. Raises MasterKeyMissing,
    MasterKeyRefused, GatewayDatabaseMissing, GatewayUnreachable and Locked.
    """
    if dry_run:
        return apply_sync(settings, gateway, prune=prune, dry_run=True, now=now)
    with change_project(settings, "keys sync") as record:
        report = apply_sync(settings, gateway, prune=prune, dry_run=False, now=now)
        record.problem = report.problem
    return report


def apply_sync(
    settings: Settings,
    gateway: GatewayClient,
    *,
    prune: bool,
    dry_run: bool,
    now: Callable[[], datetime],
) -> KeysSyncReport:
    """The same for a caller that holds the project's lock already."""
    master = require_master_key(settings)
    known = KnownKeys(
        settings=settings,
        keys=tuple(litellm.iterate_keys(gateway, master)),
        values=read_current_values(settings),
        now=now(),
        prune=prune,
    )
    steps = plan_keys(known)
    provisioner = KeyProvisioner(
        settings=settings, gateway=gateway, master=master, fresh=False, now=now
    )
    done = [_unapplied(each) if dry_run else _apply(provisioner, each) for each in steps]
    return KeysSyncReport(
        keys=tuple(done),
        dry_run=dry_run,
        prune=prune,
        drift=any(each.step.drift for each in steps),
        changed=any(key.done for key in done),
        env_file=settings.env_file,
        warnings=tuple(provisioner.warnings),
    )


def _unapplied(planned: PlannedKeyStep) -> SyncedKey:
    step = planned.step
    return SyncedKey(
        alias=step.alias,
        env=step.env,
        declared=step.declared,
        action=step.action,
        changes=step.changes,
        reason=step.reason,
        done=False,
        error=None,
    )


def _apply(provisioner: KeyProvisioner, planned: PlannedKeyStep) -> SyncedKey:
    synced, step = _unapplied(planned), planned.step
    if step.action not in CHANGES:
        return replace(synced, error=step.reason if step.drift else None)
    try:
        _change(provisioner, planned)
    except GatewayctlError as error:
        return replace(synced, error=error.message)
    return replace(synced, done=True)


def _change(provisioner: KeyProvisioner, planned: PlannedKeyStep) -> None:
    if planned.step.action == "delete" and planned.key is not None:
        delete_key_everywhere(provisioner, planned.key, planned.step.env)
    elif planned.declared is None:
        _finish_rotation(provisioner, planned)
    else:
        if planned.step.action != "update":
            provisioner.ensure(planned.declared)
        _match_declaration(provisioner, planned.declared)


def _match_declaration(provisioner: KeyProvisioner, declared: DeclaredKey) -> None:
    """One change of all that differs; looked up afresh, as making it may have changed it."""
    holder = litellm.find_key_by_alias(provisioner.gateway, provisioner.master, declared.alias)
    changes = () if holder is None else find_differences(declared, holder)
    if holder is None or not changes:
        return
    other_duration = holder.metadata.get(DURATION_METADATA) != declared.duration
    change = KeyChange(
        models=declared.models,
        metadata=updated_metadata(declared, provisioner.settings.project_name, holder),
        duration=declared.duration if other_duration else None,
        never_expires=other_duration and declared.duration is None,
    )
    litellm.update_key(provisioner.gateway, provisioner.master, holder.hash, change)


def _finish_rotation(provisioner: KeyProvisioner, planned: PlannedKeyStep) -> None:
    """The interrupted rotation of a key that gateway.yaml does not declare."""
    alias, env = str(planned.step.alias), planned.step.env
    provisioner.finish_rotation(provisioner.rotation.load_family(alias), _in_file(provisioner, env))


def delete_key_everywhere(provisioner: KeyProvisioner, key: VirtualKey, env: str | None) -> bool:
    """Take the key's line out of .env, then delete it in LiteLLM; True if there was one.

    In this order, because a value left in .env is registered by the next `keys create`:
    that would bring back what was to be gone.
    """
    secret = _in_file(provisioner, env)
    removed = env is not None and secret is not None and litellm.hash_key(secret) == key.hash
    if env is not None and secret is not None and removed:
        update_env_file(
            provisioner.settings.env_file, {}, remove=[env], expect={env: secret.reveal()}
        )
    litellm.delete_key(provisioner.gateway, provisioner.master, key.hash)
    return removed


def _in_file(provisioner: KeyProvisioner, env: str | None) -> Secret | None:
    return read_env_file_values(provisioner.settings).get(env) if env else None
