"""`keys show`: the details of one key, without its secret.

Owns the report. Must not know terminals.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any

from gatewayctl.gateway import keys as litellm
from gatewayctl.gateway.client import GatewayClient
from gatewayctl.operations.keys.list import KeyRow, join_keys
from gatewayctl.operations.keys.rotation import classify_family, unknown_alias
from gatewayctl.settings.master_key import require_master_key
from gatewayctl.settings.model import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class RetiringKey:
    """A previous key of the alias, valid until ``expires``; ``key`` is masked by LiteLLM."""

    alias: str | None
    key: str | None
    expires: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeysShowReport(KeyRow):
    """The row of one key, with what LiteLLM has of it; None if LiteLLM does not have the key."""

    metadata: Mapping[str, Any] | None
    limits: Mapping[str, Any] | None
    created_at: datetime | None
    last_active: datetime | None
    retiring: tuple[RetiringKey, ...]


def show_key(
    settings: Settings,
    gateway: GatewayClient,
    alias: str,
    *,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> KeysShowReport:
    """Show the key of an alias, also a foreign one; changes nothing.

    Raises GatewayRefused for an unknown alias, and what `keys list` raises.
    """
    keys = litellm.list_key_family(gateway, require_master_key(settings), alias)
    rows = join_keys(settings, keys, now=now()).keys
    row = next((row for row in rows if row.alias == alias), None)
    if row is None:
        raise unknown_alias(alias)
    key = next((key for key in keys if key.alias == alias), None)
    family = classify_family(alias, keys, settings.project_name)
    return KeysShowReport(
        **{field.name: getattr(row, field.name) for field in fields(row)},
        metadata=None if key is None else key.metadata,
        limits=None if key is None else key.limits,
        created_at=None if key is None else key.created_at,
        last_active=None if key is None else key.last_active,
        retiring=tuple(
            RetiringKey(alias=old.alias, key=old.name, expires=old.expires)
            for old in family.predecessors
        ),
    )
