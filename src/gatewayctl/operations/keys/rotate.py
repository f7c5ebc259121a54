"""`keys rotate`: a new secret under the same alias; the old one is revoked or retiring.

At every moment .env holds a key that works, and the next `keys create` finishes what a crash
left: see `rotation`. Owns the order of the steps and the way back. Must not know terminals.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from gatewayctl.errors import GatewayctlError, SettingsProblem
from gatewayctl.gateway import keys as litellm
from gatewayctl.gateway.client import GatewayClient
from gatewayctl.gateway.key_probe import probe_key
from gatewayctl.gateway.keys import NewKey, VirtualKey, hash_key
from gatewayctl.operations.keys.apps import warn_outdated_apps
from gatewayctl.operations.keys.inheritance import inherit_lifetime, inherit_limits
from gatewayctl.operations.keys.limits import wanted_limits
from gatewayctl.operations.keys.metadata import (
    ALIAS_METADATA,
    GRACE_METADATA,
    blocked_key,
    foreign_key,
    is_blocked,
    is_ours,
    successor_alias,
    updated_metadata,
    variable_of,
)
from gatewayctl.operations.keys.owners import require_license, require_owners
from gatewayctl.operations.keys.provision import KeyProvisioner, generate_key_secret
from gatewayctl.operations.keys.request import check_duration
from gatewayctl.operations.keys.rotation import unknown_alias
from gatewayctl.operations.state.exclusive import change_project
from gatewayctl.settings.declared.keys import DeclaredKey
from gatewayctl.settings.declared.limits import KEY_LIMITS
from gatewayctl.settings.master_key import require_master_key
from gatewayctl.settings.model import Secret, Settings
from gatewayctl.settings.overrides import advise_unset


@dataclass(frozen=True, slots=True, kw_only=True)
class KeysRotateReport:
    """The new key of an alias, and the state of the old one.

    ``previous_until``: when a ``retiring`` key expires. ``latency_ms``: how long LiteLLM took
    to accept the new key.
    """

    alias: str
    env: str
    key: Secret
    models: tuple[str, ...]
    expires: datetime | None
    previous: Literal["revoked", "retiring"]
    previous_key: str | None
    previous_until: datetime | None
    latency_ms: float
    env_file: Path
    warnings: tuple[str, ...]


def rotate_key(
    settings: Settings,
    gateway: GatewayClient,
    alias: str,
    *,
    grace: str | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> KeysRotateReport:
    """Rotate a key that gatewayctl created; with ``grace``, such as ``1h``, the old one stays.

    Raises UsageProblem for an invalid grace, GatewayRefused for an unknown alias,
    KeyAliasExists for a foreign or a blocked key, UsageProblem for an expired one of unknown
    duration, SettingsProblem if the environment overrides .env, and what LiteLLM and .env raise;
    the old key is unchanged then.
    """
    check_duration(grace, option="--grace")
    master = require_master_key(settings)
    with change_project(settings, "keys rotate", alias) as change:
        change.state = ".env has a key that works."
        provisioner = KeyProvisioner(settings=settings, gateway=gateway, master=master, now=now)
        current, declared, lifetime = _prepare(provisioner, alias)
        return _rotate(provisioner, current, declared, lifetime=lifetime, grace=grace)


def _prepare(provisioner: KeyProvisioner, alias: str) -> tuple[VirtualKey, DeclaredKey, str | None]:
    """Find the key to rotate and how long the new one is valid; finish its last rotation."""
    settings, family = provisioner.settings, provisioner.rotation.load_family(alias)
    found = next(iter((*family.current, *family.successors)), None)
    declared = next((key for key in settings.keys if key.alias == alias), None)
    if found is not None and not is_ours(found, settings.project_name):
        hint = "Rotate it where it was created, or delete it there and run `keys create`."
        raise foreign_key(found, alias, "so it is not rotated", hint=hint)
    env = declared.env if declared else None if found is None else variable_of(found)
    if found is None or env is None:
        raise unknown_alias(alias)
    if provisioner.environment_secret(env) is not None:
        raise SettingsProblem(
            f"{env} in the environment overrides that of .env, and would keep the old key.",
            hint=advise_unset(env),
        )
    stored = provisioner.stored_secret(env)
    current = provisioner.finish_rotation(family, stored)
    if current is None:
        raise unknown_alias(alias)
    if is_blocked(current, () if stored is None else {hash_key(stored)}):
        # The new key would not be blocked, and whoever blocked this one would not know.
        raise blocked_key(alias, "so it is not rotated")
    if declared is not None:
        return current, declared, declared.duration
    undeclared = DeclaredKey(alias=alias, env=env)
    lifetime = inherit_lifetime(undeclared, current, provisioner.now())
    return current, inherit_limits(undeclared, current), lifetime


def _rotate(
    provisioner: KeyProvisioner,
    current: VirtualKey,
    declared: DeclaredKey,
    *,
    lifetime: str | None,
    grace: str | None,
) -> KeysRotateReport:
    settings, gateway, master = provisioner.settings, provisioner.gateway, provisioner.master
    require_license(settings, gateway, master, [declared])
    require_owners(gateway, master, declared)
    secret, before = generate_key_secret(), provisioner.stored_secret(declared.env)
    with _delete_on_failure(provisioner, declared, secret):
        new = _successor(settings, current, declared, secret, lifetime=lifetime, grace=grace)
        successor = litellm.generate_key(gateway, master, new)
        probe = probe_key(gateway, secret)
        if not provisioner.write_secret(declared, secret, before):
            raise SettingsProblem(f"{declared.env} in .env was changed meanwhile; not rotated.")
    promoted = provisioner.rotation.promote(successor, (current,), alias=declared.alias)
    old = litellm.get_key(gateway, master, current.hash) if grace else None
    return KeysRotateReport(
        alias=declared.alias,
        env=declared.env,
        key=secret,
        models=promoted.models,
        expires=promoted.expires,
        previous="revoked" if old is None else "retiring",
        previous_key=current.name,
        previous_until=None if old is None else old.expires,
        latency_ms=probe.latency_ms,
        env_file=settings.env_file,
        warnings=(*provisioner.warnings, *warn_outdated_apps(settings, [declared.alias])),
    )


def _successor(
    settings: Settings,
    current: VirtualKey,
    declared: DeclaredKey,
    secret: Secret,
    *,
    lifetime: str | None,
    grace: str | None,
) -> NewKey:
    """The key to register: as declared, with the limits that the old one got in LiteLLM.

    It keeps the spend: otherwise a rotation would hand out the budget again.
    """
    marks: dict[str, Any] = {ALIAS_METADATA: declared.alias}
    if grace is not None:
        marks[GRACE_METADATA] = grace
    return NewKey(
        alias=successor_alias(declared.alias),
        secret=secret,
        models=declared.models,
        metadata={**updated_metadata(declared, settings.project_name, current), **marks},
        duration=lifetime,
        limits=wanted_limits(KEY_LIMITS, declared, current),
        spend=current.spend or 0,
    )


@contextmanager
def _delete_on_failure(
    provisioner: KeyProvisioner, declared: DeclaredKey, secret: Secret
) -> Iterator[None]:
    """Delete the new key after a failure, unless .env holds it: then there is no way back."""
    try:
        yield
    except (GatewayctlError, KeyboardInterrupt):
        # If this fails too, the next `keys create` finds and deletes the key.
        with suppress(GatewayctlError):
            if provisioner.stored_secret(declared.env) != secret:
                litellm.delete_key(provisioner.gateway, provisioner.master, hash_key(secret))
        raise
