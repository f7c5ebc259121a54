"""`keys show`: all there is to know about one key, but its secret.

Owns the report. Must not know terminals.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from gatewayctl.gateway import keys as litellm
from gatewayctl.gateway.client import GatewayClient
from gatewayctl.operations.keys.list import KeyRow, KeyState, join_keys
from gatewayctl.operations.keys.rotate import unknown_alias
from gatewayctl.operations.keys.rotation import classify_family
from gatewayctl.settings.master_key import require_master_key
from gatewayctl.settings.model import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class RetiringKey:
    """A key the alias had before, valid until ``expires``; ``key`` as LiteLLM masks it."""

    alias: str | None
    key: str | None
    expires: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeysShowReport:
    """One key. ``key`` is masked; ``spend`` in US dollars; ``metadata`` as LiteLLM has it."""

    alias: str | None
    env: str | None
    declared: bool
    in_gateway: bool
    in_env: bool
    state: KeyState
    key: str | None
    models: tuple[str, ...]
    metadata: Mapping[str, Any] | None
    limits: Mapping[str, Any] | None
    created_at: datetime | None
    last_active: datetime | None
    expires: datetime | None
    spend: float | None
    retiring: tuple[RetiringKey, ...]


def show_key(
    settings: Settings,
    gateway: GatewayClient,
    alias: str,
    *,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> KeysShowReport:
    """The key of that alias, whoever made it; changes nothing.

    Raises GatewayRefused for an alias nobody has or declares, and what `keys list` raises.
    """
    keys = litellm.list_key_family(gateway, require_master_key(settings), alias)
    rows = join_keys(settings, keys, now=now()).keys
    row = next((row for row in rows if row.alias == alias), None)
    if row is None:
        raise unknown_alias(alias)
    key = next((key for key in keys if key.alias == alias), None)
    family = classify_family(alias, keys, settings.project_name)
    return _report(row, key, tuple(
        RetiringKey(alias=old.alias, key=old.name, expires=old.expires)
        for old in family.predecessors
    ))  # fmt: skip


def _report(
    row: KeyRow, key: litellm.VirtualKey | None, retiring: tuple[RetiringKey, ...]
) -> KeysShowReport:
    return KeysShowReport(
        alias=row.alias,
        env=row.env,
        declared=row.declared,
        in_gateway=row.in_gateway,
        in_env=row.in_env,
        state=row.state,
        key=row.key,
        models=row.models,
        metadata=None if key is None else key.metadata,
        limits=None if key is None else key.limits,
        created_at=None if key is None else key.created_at,
        last_active=None if key is None else key.last_active,
        expires=row.expires,
        spend=row.spend,
        retiring=retiring,
    )
