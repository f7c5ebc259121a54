"""`keys revoke`: a key deleted in LiteLLM and taken out of .env, with all that stands for it.

The caller has asked for consent. Owns the order. Must not know terminals.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from gatewayctl.env_file.write import update_env_file
from gatewayctl.errors import KeyAliasExists
from gatewayctl.gateway import keys as litellm
from gatewayctl.gateway.client import GatewayClient
from gatewayctl.gateway.keys import hash_key
from gatewayctl.operations.keys.metadata import is_ours, variable_of
from gatewayctl.operations.keys.provision import KeyProvisioner
from gatewayctl.operations.keys.rotate import unknown_alias
from gatewayctl.operations.keys.sync import delete_key_everywhere
from gatewayctl.operations.keys.values import read_env_file_values
from gatewayctl.operations.state.exclusive import change_project
from gatewayctl.settings.master_key import require_master_key
from gatewayctl.settings.model import DeclaredKey, Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class KeysRevokeReport:
    """What is gone: ``revoked`` are the keys deleted, as LiteLLM masks them.

    A key in its time of grace goes with its alias. ``env_removed`` tells that the line of
    .env is gone, ``declared`` that gateway.yaml still wants such a key.
    """

    alias: str
    env: str | None
    revoked: tuple[str, ...]
    env_removed: bool
    declared: bool
    env_file: Path
    warnings: tuple[str, ...]


def revoke_key(
    settings: Settings,
    gateway: GatewayClient,
    alias: str,
    *,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> KeysRevokeReport:
    """Delete every key of ours that stands for the alias, looking that it is gone.

    Raises GatewayRefused for an alias nobody has, KeyAliasExists for a key of others, and
    what LiteLLM and .env raise; running it again goes on.
    """
    master = require_master_key(settings)
    with change_project(settings, "keys revoke", alias):
        provisioner = KeyProvisioner(
            settings=settings, gateway=gateway, master=master, fresh=False, now=now
        )
        return _revoke(provisioner, alias)


def _revoke(provisioner: KeyProvisioner, alias: str) -> KeysRevokeReport:
    settings, family = provisioner.settings, provisioner.rotation.load_family(alias)
    if any(not is_ours(key, settings.project_name) for key in family.holders):
        raise KeyAliasExists(
            f"gatewayctl did not make the key {alias!r}, so it does not delete it.",
            hint="Delete it in LiteLLM's own interface: `gatewayctl ui`.",
        )
    declared = next((key for key in settings.keys if key.alias == alias), None)
    keys = (*family.predecessors, *family.successors, *family.holders)
    env = declared.env if declared else next((variable_of(key) for key in keys), None)
    removed = [delete_key_everywhere(provisioner, key, env) for key in keys]
    left = _remove_unknown_line(provisioner, declared) if declared else False
    if not keys and not left:
        raise unknown_alias(alias)
    if env and provisioner.environment_secret(env) is not None:
        provisioner.warnings.append(f"{env} is set in the environment too; unset it there.")
    return KeysRevokeReport(
        alias=alias,
        env=env,
        revoked=tuple(key.name or "-" for key in keys),
        env_removed=any(removed) or left,
        declared=declared is not None,
        env_file=settings.env_file,
        warnings=tuple(provisioner.warnings),
    )


def _remove_unknown_line(provisioner: KeyProvisioner, declared: DeclaredKey) -> bool:
    """Take out a value LiteLLM does not know: the next `keys create` would register it."""
    secret = read_env_file_values(provisioner.settings).get(declared.env)
    if secret is None:
        return False
    if litellm.get_key(provisioner.gateway, provisioner.master, hash_key(secret)) is not None:
        provisioner.warnings.append(f"{declared.env} holds another key, which was left.")
        return False
    expect = {declared.env: secret.reveal()}
    update_env_file(provisioner.settings.env_file, {}, remove=[declared.env], expect=expect)
    return True
