"""`keys rotate`: a new secret under the same alias; the old one ends at once, or after a grace.

At every moment .env holds a key that works, and a crash leaves what the next `keys create`
finishes: see `key_rotation`. Owns the order of the steps and the way back. Must not know
terminals.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from gatewayctl.errors import GatewayctlError, GatewayRefused, KeyAliasExists, SettingsProblem
from gatewayctl.gateway import keys as litellm
from gatewayctl.gateway.client import GatewayClient
from gatewayctl.gateway.key_probe import probe_key
from gatewayctl.gateway.keys import NewKey, VirtualKey, hash_key
from gatewayctl.operations.keys.apps import warn_outdated_apps
from gatewayctl.operations.keys.metadata import (
    ALIAS_METADATA,
    GRACE_METADATA,
    is_ours,
    successor_alias,
    updated_metadata,
    variable_of,
)
from gatewayctl.operations.keys.provision import KeyProvisioner, generate_key_secret, inherit_limits
from gatewayctl.operations.keys.request import check_duration
from gatewayctl.operations.keys.values import read_env_file_values
from gatewayctl.operations.state.exclusive import change_project
from gatewayctl.settings.master_key import require_master_key
from gatewayctl.settings.model import DeclaredKey, Secret, Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class KeysRotateReport:
    """The new key of an alias, and what became of the one before.

    ``previous_until`` is when a ``retiring`` key ends; ``latency_ms`` how long LiteLLM took
    to accept the new one.
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
    """Rotate a key that gatewayctl made; ``grace`` such as ``1h`` keeps the old one so long.

    Raises UsageProblem for a grace that is none, GatewayRefused for an alias LiteLLM does
    not have, KeyAliasExists for a key of others, SettingsProblem where the environment
    hides .env, and what LiteLLM and .env raise; the old key then is as it was.
    """
    check_duration(grace, option="--grace")
    master = require_master_key(settings)
    with change_project(settings, "keys rotate", alias):
        provisioner = KeyProvisioner(
            settings=settings, gateway=gateway, master=master, fresh=False, now=now
        )
        holder, declared = _prepare(provisioner, alias)
        return _rotate(provisioner, holder, declared, grace)


def _prepare(provisioner: KeyProvisioner, alias: str) -> tuple[VirtualKey, DeclaredKey]:
    """The key to rotate, after an interrupted rotation of it was finished."""
    settings, family = provisioner.settings, provisioner.rotation.load_family(alias)
    found = next(iter((*family.holders, *family.successors)), None)
    declared = next((key for key in settings.keys if key.alias == alias), None)
    if found is not None and not is_ours(found, settings.project_name):
        raise KeyAliasExists(
            f"gatewayctl did not make the key {alias!r}, so it does not rotate it.",
            hint="Rotate it where it was made, or give it up there and run `keys create`.",
        )
    if found is None:
        raise unknown_alias(alias)
    env = declared.env if declared else variable_of(found)
    if env is None:
        raise unknown_alias(alias)
    if provisioner.environment_secret(env) is not None:
        raise SettingsProblem(
            f"{env} in the environment hides that of .env, and would hold the old key.",
            hint=f"Unset it: unset {env}.",
        )
    secret = read_env_file_values(settings).get(env)
    live = set() if secret is None else {hash_key(secret)}
    holder = provisioner.rotation.finish(family, live)
    if holder is None:
        raise unknown_alias(alias)
    return holder, declared or _inherit_declaration(holder, alias, env, provisioner.now())


def unknown_alias(alias: str) -> GatewayctlError:
    """The failure for an alias that LiteLLM does not have."""
    return GatewayRefused(
        f"LiteLLM has no key {alias!r}.",
        hint="See `gatewayctl keys list --all`; `gatewayctl keys create` makes what is missing.",
    )


def _inherit_declaration(holder: VirtualKey, alias: str, env: str, now: datetime) -> DeclaredKey:
    """A key of the command line: the new one is neither wider nor valid for longer."""
    return inherit_limits(DeclaredKey(alias=alias, env=env), holder, now)


def _rotate(
    provisioner: KeyProvisioner, holder: VirtualKey, declared: DeclaredKey, grace: str | None
) -> KeysRotateReport:
    secret = generate_key_secret()
    before = read_env_file_values(provisioner.settings).get(declared.env)
    with _delete_on_failure(provisioner, declared, secret):
        new = _new_key(provisioner, holder, declared, secret, grace)
        made = litellm.generate_key(provisioner.gateway, provisioner.master, new)
        proof = probe_key(provisioner.gateway, secret)
        if not provisioner.write_secret(declared, secret, before):
            raise SettingsProblem(f"Somebody else changed {declared.env} in .env; left as it is.")
    now_on = provisioner.rotation.promote(made, (holder,), alias=declared.alias)
    old = litellm.get_key(provisioner.gateway, provisioner.master, holder.hash) if grace else None
    return KeysRotateReport(
        alias=declared.alias,
        env=declared.env,
        key=secret,
        models=now_on.models,
        expires=now_on.expires,
        previous="revoked" if old is None else "retiring",
        previous_key=holder.name,
        previous_until=None if old is None else old.expires,
        latency_ms=proof.latency_ms,
        env_file=provisioner.settings.env_file,
        warnings=(
            *provisioner.warnings,
            *warn_outdated_apps(provisioner.settings, [declared.alias]),
        ),
    )


def _new_key(
    provisioner: KeyProvisioner,
    holder: VirtualKey,
    declared: DeclaredKey,
    secret: Secret,
    grace: str | None,
) -> NewKey:
    """What to register: as declared, with the limits somebody set on the old one in LiteLLM."""
    marks: dict[str, Any] = {ALIAS_METADATA: declared.alias}
    if grace is not None:
        marks[GRACE_METADATA] = grace
    return NewKey(
        alias=successor_alias(declared.alias),
        secret=secret,
        models=declared.models,
        metadata={**updated_metadata(declared, provisioner.settings.project_name, holder), **marks},
        duration=declared.duration,
        limits=holder.limits,
    )


@contextmanager
def _delete_on_failure(
    provisioner: KeyProvisioner, declared: DeclaredKey, secret: Secret
) -> Iterator[None]:
    """Until .env holds the new key, a failure deletes it again; after that it only goes on."""
    try:
        yield
    except (GatewayctlError, KeyboardInterrupt):
        # What cannot be looked up or deleted now, the next `keys create` finds and deletes.
        with suppress(GatewayctlError):
            if read_env_file_values(provisioner.settings).get(declared.env) != secret:
                litellm.delete_key(provisioner.gateway, provisioner.master, hash_key(secret))
        raise
