"""`keys revoke`: deletes a key in LiteLLM and in .env, with the keys of its rotations.

The caller has asked for confirmation. Owns the order. Must not know terminals.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from gatewayctl.gateway import keys as litellm
from gatewayctl.gateway.client import GatewayClient
from gatewayctl.gateway.keys import hash_key
from gatewayctl.operations.keys.metadata import foreign_key, is_ours, variable_of
from gatewayctl.operations.keys.provision import KeyProvisioner
from gatewayctl.operations.keys.rotation import Family, unknown_alias
from gatewayctl.operations.state.exclusive import change_project
from gatewayctl.settings.declared.keys import DeclaredKey
from gatewayctl.settings.master_key import require_master_key
from gatewayctl.settings.model import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class KeysRevokeReport:
    """The deleted keys, as LiteLLM masks them: that of the alias and those of its rotations.

    ``env_removed``: its line of .env was removed. ``declared``: gateway.yaml still declares
    the alias.
    """

    alias: str
    env: str | None
    revoked: tuple[str, ...]
    env_removed: bool
    declared: bool
    env_file: Path
    warnings: tuple[str, ...]


def require_revocable(settings: Settings, gateway: GatewayClient, alias: str) -> None:
    """Check what `revoke_key` would refuse, before the user is asked. Raises what it raises."""
    master = require_master_key(settings)
    provisioner = KeyProvisioner(
        settings=settings, gateway=gateway, master=master, now=lambda: datetime.now(UTC)
    )
    family = _load_own_family(provisioner, alias)
    declared = _find_declared(settings, alias)
    is_stored = declared is not None and provisioner.stored_secret(declared.env) is not None
    if not (family.predecessors or family.successors or family.current or is_stored):
        raise unknown_alias(alias)


def revoke_key(
    settings: Settings,
    gateway: GatewayClient,
    alias: str,
    *,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> KeysRevokeReport:
    """Delete every key of the alias and verify that; an interrupted run can be repeated.

    Raises GatewayRefused for an unknown alias, KeyAliasExists for a foreign key, and what
    LiteLLM and .env raise.
    """
    master = require_master_key(settings)
    with change_project(settings, "keys revoke", alias):
        provisioner = KeyProvisioner(settings=settings, gateway=gateway, master=master, now=now)
        return _revoke(provisioner, alias)


def _revoke(provisioner: KeyProvisioner, alias: str) -> KeysRevokeReport:
    settings, family = provisioner.settings, _load_own_family(provisioner, alias)
    declared = _find_declared(settings, alias)
    keys = (*family.predecessors, *family.successors, *family.current)
    env = declared.env if declared else next((variable_of(key) for key in keys), None)
    removed = [provisioner.delete(key, env) for key in keys]
    if declared and _remove_unregistered(provisioner, declared):
        removed.append(True)
    if not removed:
        raise unknown_alias(alias)
    if env and provisioner.environment_secret(env) is not None:
        provisioner.warnings.append(f"{env} is also set in the environment; unset it there.")
    return KeysRevokeReport(
        alias=alias,
        env=env,
        revoked=tuple(key.name or "-" for key in keys),
        env_removed=any(removed),
        declared=declared is not None,
        env_file=settings.env_file,
        warnings=tuple(provisioner.warnings),
    )


def _load_own_family(provisioner: KeyProvisioner, alias: str) -> Family:
    """The keys of the alias. Raises KeyAliasExists for a key of others."""
    family = provisioner.rotation.load_family(alias)
    for key in family.current:
        if not is_ours(key, provisioner.settings.project_name):
            hint = "Delete it in LiteLLM's own interface: `gatewayctl ui`."
            raise foreign_key(key, alias, "so it is not deleted", hint=hint)
    return family


def _find_declared(settings: Settings, alias: str) -> DeclaredKey | None:
    return next((key for key in settings.keys if key.alias == alias), None)


def _remove_unregistered(provisioner: KeyProvisioner, declared: DeclaredKey) -> bool:
    """Remove a value that LiteLLM does not know: the next `keys create` would register it."""
    secret = provisioner.stored_secret(declared.env)
    if secret is None:
        return False
    if litellm.get_key(provisioner.gateway, provisioner.master, hash_key(secret)) is not None:
        provisioner.warnings.append(f"{declared.env} holds another key, and was not changed.")
        return False
    provisioner.remove_secret(declared.env, secret)
    return True
