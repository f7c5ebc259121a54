"""Virtual keys in LiteLLM: register, look up, list, change, delete.

Owns the shapes of /key/*. Every call but the one that registers a key identifies it by its
SHA-256 hash: a plain key in a query or a body can end up in logs and spans. Must not know
.env.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from gatewayctl.errors import GatewayRefused, Refused
from gatewayctl.gateway.client import GatewayClient, rows_of
from gatewayctl.gateway.times import parse_time
from gatewayctl.settings.declared.limits import KEY_LIMITS, read_limits
from gatewayctl.settings.model import Secret

_PAGE_SIZE: Final = 100
"""The maximum of /key/list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A key to register. Empty ``models`` allows all of them; ``duration`` like ``30d``.

    ``limits`` are fields of LiteLLM, as they are sent. ``spend`` is that of the key that this one
    replaces, in US dollars.
    """

    alias: str
    secret: Secret
    models: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    duration: str | None = None
    limits: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    spend: float = 0

    def body(self) -> dict[str, Any]:
        """The request body. ``llm_api`` denies the key all management routes."""
        body: dict[str, Any] = {
            "key": self.secret.reveal(),
            "key_alias": self.alias,
            "models": list(self.models),
            "metadata": dict(self.metadata),
            **self.limits,
        }
        # It would replace the routes.
        if "allowed_routes" not in self.limits:
            body["key_type"] = "llm_api"
        if self.spend:
            body["spend"] = self.spend
        if self.duration is not None:
            body["duration"] = self.duration
        return body


@dataclass(frozen=True, slots=True, kw_only=True)
class VirtualKey:
    """A key as LiteLLM returns it. ``spend`` in US dollars; ``name`` is masked by LiteLLM."""

    hash: str
    alias: str | None
    name: str | None
    models: tuple[str, ...]
    metadata: Mapping[str, Any]
    expires: datetime | None
    spend: float | None
    blocked: bool
    created_at: datetime | None = None
    last_active: datetime | None = None
    limits: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    """Budgets, rates, rights, team and user, by LiteLLM's names, but for those in the metadata."""

    def is_expired(self, now: datetime) -> bool:
        return self.expires is not None and self.expires <= now

    @property
    def is_spent(self) -> bool:
        """True if LiteLLM refuses calls because the budget is spent."""
        budget = self.limits.get("max_budget")
        return budget is not None and self.spend is not None and self.spend >= budget


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyChange:
    """Changes to a key; None leaves a field unchanged.

    ``metadata`` replaces all of it. ``duration`` counts from now; ``never_expires`` removes
    the expiry. ``limits`` are fields of LiteLLM, as they are sent; the spend stays.
    """

    alias: str | None = None
    models: tuple[str, ...] | None = None
    metadata: Mapping[str, Any] | None = None
    duration: str | None = None
    never_expires: bool = False
    limits: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    def body(self) -> dict[str, Any]:
        """The fields to send; for LiteLLM a null duration means «never expires»."""
        body: dict[str, Any] = {**self.limits}
        if self.alias is not None:
            body["key_alias"] = self.alias
        if self.models is not None:
            body["models"] = list(self.models)
        if self.metadata is not None:
            body["metadata"] = dict(self.metadata)
        if self.duration is not None or self.never_expires:
            body["duration"] = None if self.never_expires else self.duration
        return body


def hash_key(secret: Secret) -> str:
    """LiteLLM's identifier of a key: its SHA-256, in hex."""
    return hashlib.sha256(secret.reveal().encode()).hexdigest()


def generate_key(gateway: GatewayClient, master: Secret, new: NewKey) -> VirtualKey:
    """Register a key with its own secret.

    Raises KeyAliasExists for an alias in use, even by the same key (LiteLLM checks the
    alias before the secret).
    """
    answer = gateway.call("POST", "/key/generate", key=master, role="master", json=new.body())
    what = "the key that was registered"
    with gateway.expecting(what):
        if answer["key"] != new.secret.reveal():
            raise gateway.unexpected_answer(what)
        return _parse_key({**answer, "token": hash_key(new.secret)})


def get_key(gateway: GatewayClient, master: Secret, key_hash: str) -> VirtualKey | None:
    """Get the live key with that hash, or None."""
    key, is_deleted = _fetch_info(gateway, master, key_hash)
    return None if is_deleted else key


def was_deleted(gateway: GatewayClient, master: Secret, key_hash: str) -> bool:
    """True for a key that LiteLLM had and deleted; it remembers those of its database."""
    return _fetch_info(gateway, master, key_hash)[1]


def _fetch_info(
    gateway: GatewayClient, master: Secret, key_hash: str
) -> tuple[VirtualKey | None, bool]:
    """The key with that hash, if any, and whether it was deleted."""
    answer = gateway.call(
        "GET", "/key/info", key=master, role="master", params={"key": key_hash}, none_if_absent=True
    )
    if answer is None:
        return None, False
    with gateway.expecting("the key's info"):
        found = answer["info"]
        is_deleted = found.get("status") == "deleted" or found.get("deleted_at") is not None
        return _parse_key({**found, "token": key_hash}), is_deleted


def find_key_by_alias(gateway: GatewayClient, master: Secret, alias: str) -> VirtualKey | None:
    """Find the live key with that alias, or None."""
    keys, _ = _fetch_page(gateway, master, {"page": 1, "key_alias": alias})
    return next((key for key in keys if key.alias == alias), None)


def list_key_family(gateway: GatewayClient, master: Secret, alias: str) -> tuple[VirtualKey, ...]:
    """List the live keys whose alias starts with this one, usually in one request."""
    # For LIKE a backslash is an escape; a shell may pass bytes that are not UTF-8.
    literal = alias.partition("\\")[0].encode(errors="replace").decode()
    filters = {"key_alias": literal, "substring_matching": "true"}
    keys = _iterate_pages(gateway, master, filters)
    return tuple(key for key in keys if key.alias is not None and key.alias.startswith(alias))


def iterate_keys(gateway: GatewayClient, master: Secret) -> Iterator[VirtualKey]:
    """Yield every live key, newest first; one request for each hundred."""
    return _iterate_pages(gateway, master, {})


def update_key(
    gateway: GatewayClient, master: Secret, key_hash: str, change: KeyChange
) -> VirtualKey:
    """Change a live key in one request. Raises GatewayRefused if it does not exist."""
    body = {"key": key_hash, **change.body()}
    answer = gateway.call("POST", "/key/update", key=master, role="master", json=body)
    what = "the key that was changed"
    with gateway.expecting(what):
        if answer["token"] != key_hash:
            raise gateway.unexpected_answer(what)
        return _parse_key(answer)


def delete_key(
    gateway: GatewayClient, master: Secret, key_hash: str, *, mark: Mapping[str, Any] | None = None
) -> None:
    """Block a key, delete it and verify that: LiteLLM also echoes hashes it did not delete.

    LiteLLM's other workers do not learn of a deletion and accept the key while it is in their
    cache; they learn of a block (/key/block in key_management_endpoints.py). ``mark`` is metadata
    that distinguishes this block from that of an operator, should it be interrupted.

    Raises GatewayRefused if the key still exists. A key that never existed is fine.
    """
    if mark is not None:
        # LiteLLM may refuse any change of a key, and the deletion does not depend on this one.
        with suppress(Refused):
            body = {"key": key_hash, **KeyChange(metadata=mark).body()}
            gateway.call("POST", "/key/update", key=master, role="master", json=body)
    for path, body in (("/key/block", {"key": key_hash}), ("/key/delete", {"keys": [key_hash]})):
        gateway.call("POST", path, key=master, role="master", json=body, none_if_absent=True)
    if get_key(gateway, master, key_hash) is not None:
        raise GatewayRefused(f"LiteLLM reported the key {key_hash[:12]}… deleted, but it exists.")


def _iterate_pages(
    gateway: GatewayClient, master: Secret, filters: Mapping[str, str | int]
) -> Iterator[VirtualKey]:
    page, pages, seen = 1, 1, set[str]()
    while page <= pages:
        keys, pages = _fetch_page(gateway, master, {"page": page, **filters})
        fresh = [key for key in keys if key.hash not in seen]
        if not fresh:
            # LiteLLM may promise pages that it does not have.
            return
        seen |= {key.hash for key in fresh}
        yield from fresh
        page += 1


def _fetch_page(
    gateway: GatewayClient, master: Secret, filters: Mapping[str, str | int]
) -> tuple[list[VirtualKey], int]:
    """One page and the number of pages."""
    params = {"size": _PAGE_SIZE, "return_full_object": "true", **filters}
    answer = gateway.call("GET", "/key/list", key=master, role="master", params=params)
    with gateway.expecting("a list of keys"):
        keys = [_parse_key(row) for row in rows_of(answer, "keys")]
        return keys, int(answer.get("total_pages") or 1)


def _parse_key(row: Mapping[str, Any]) -> VirtualKey:
    spend, alias, name = row.get("spend"), row.get("key_alias"), row.get("key_name")
    return VirtualKey(
        hash=str(row.get("token") or ""),
        alias=None if alias is None else str(alias),
        name=None if name is None else str(name),
        models=tuple(str(model) for model in row.get("models") or ()),
        metadata=MappingProxyType(dict(row.get("metadata") or {})),
        expires=parse_time(row.get("expires")),
        spend=None if spend is None else float(spend),
        blocked=bool(row.get("blocked")),
        created_at=parse_time(row.get("created_at")),
        last_active=parse_time(row.get("last_active")),
        limits=MappingProxyType(read_limits(KEY_LIMITS, row)),
    )
