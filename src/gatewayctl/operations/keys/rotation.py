"""The rotation of one alias from an old key to a new one; .env always holds one that works.

LiteLLM's own regenerate needs a license, and aliases are unique there. So the new key is
registered as ``ALIAS@next``, .env is changed, the old key is deleted or renamed to
``ALIAS@old-…`` for its grace period, and finally the new one gets the alias. LiteLLM and .env
are enough to tell where a rotation was interrupted, and `finish` resumes it: a successor
whose secret is in .env is promoted, any other is deleted. Owns these stages. Must not know
how a key is created or .env is written.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from gatewayctl.errors import GatewayRefused, KeyAliasExists
from gatewayctl.gateway import keys as litellm
from gatewayctl.gateway.client import GatewayClient
from gatewayctl.gateway.keys import KeyChange, VirtualKey
from gatewayctl.operations.keys.metadata import (
    ALIAS_METADATA,
    GRACE_METADATA,
    REPLACED_BY_METADATA,
    alias_of,
    is_blocked,
    is_ours,
    is_predecessor,
    is_successor,
    predecessor_alias,
    strip_rotation_stage,
)
from gatewayctl.operations.keys.request import duration_seconds
from gatewayctl.settings.model import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """The live keys of one alias. ``current`` have it now: one, or more after a race."""

    alias: str
    current: tuple[VirtualKey, ...]
    successors: tuple[VirtualKey, ...]
    predecessors: tuple[VirtualKey, ...]

    @property
    def interrupted(self) -> bool:
        return bool(self.successors) or len(self.current) > 1


def group_families(keys: Iterable[VirtualKey]) -> Mapping[str, Sequence[VirtualKey]]:
    """The keys of each alias: those that have it, and those that belong to it while it rotates."""
    found: dict[str, list[VirtualKey]] = {}
    for key in keys:
        for alias in {key.alias, alias_of(key)} - {None}:
            found.setdefault(str(alias), []).append(key)
    return found


def classify_family(alias: str, keys: Iterable[VirtualKey], project: str) -> Family:
    """Sort keys by their stage; a foreign key belongs to the family only if it has the alias."""
    own = [key for key in keys if alias_of(key) == alias and is_ours(key, project)]
    staged = [key for key in own if is_successor(key) or is_predecessor(key)]
    return Family(
        alias=alias,
        current=tuple(key for key in keys if key.alias == alias and key not in staged),
        successors=tuple(key for key in staged if is_successor(key)),
        predecessors=tuple(key for key in staged if is_predecessor(key)),
    )


def find_blocked(family: Family, stored: Collection[str], project: str) -> VirtualKey | None:
    """The key of ours that an operator blocked, if one has the alias or .env holds it.

    Nothing may take its place: that would undo the block.
    """
    held = [key for key in family.predecessors if key.hash in stored]
    # Of two keys with one alias, one replaces the other, also if .env has neither.
    known = {*stored, *(key.hash for key in family.current)}
    found = (key for key in (*family.current, *held) if is_ours(key, project))
    return next((key for key in found if is_blocked(key, known)), None)


def unknown_alias(alias: str) -> GatewayRefused:
    """The error for an alias that LiteLLM does not have."""
    return GatewayRefused(
        f"LiteLLM has no key {alias!r}.",
        hint="See `gatewayctl keys list --all`. `gatewayctl keys create` creates missing keys.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """The stages, in one project's LiteLLM."""

    gateway: GatewayClient
    master: Secret
    project: str
    now: Callable[[], datetime]

    def load_family(self, alias: str) -> Family:
        """Load the keys of an alias from LiteLLM."""
        keys = litellm.list_key_family(self.gateway, self.master, alias)
        return classify_family(alias, keys, self.project)

    def finish(self, family: Family, live: Collection[str]) -> VirtualKey | None:
        """Finish an interrupted rotation; returns the key that has the alias then, or None.

        ``live`` are the hashes of the secrets in .env and the environment. Changes nothing if a key
        is blocked, and returns that one: see `find_blocked`.
        """
        if (blocked := find_blocked(family, live, self.project)) is not None:
            return blocked
        for key in family.predecessors:
            if key.is_expired(self.now()) and key.hash not in live:
                self._delete(key)
        for key in family.successors:
            if key.hash not in live:
                self._delete(key)
        chosen = [key for key in family.successors if key.hash in live]
        if chosen:
            return self.promote(chosen[0], family.current, alias=family.alias)
        return self._keep_one(family.current, live)

    def promote(
        self, successor: VirtualKey, current: Iterable[VirtualKey], *, alias: str
    ) -> VirtualKey:
        """Retire the keys that have the alias, then give it to the successor."""
        grace = successor.metadata.get(GRACE_METADATA)
        for key in current:
            until = grace if isinstance(grace, str) else None
            self._retire(key, until, alias=alias, successor=successor.hash)
        change = KeyChange(alias=alias, metadata=strip_rotation_stage(successor.metadata))
        return litellm.update_key(self.gateway, self.master, successor.hash, change)

    def delete_replaced(self, key: VirtualKey, *, by: str) -> None:
        """Delete a key whose place another takes, ``by`` its hash."""
        mark = {**key.metadata, REPLACED_BY_METADATA: by}
        litellm.delete_key(self.gateway, self.master, key.hash, mark=mark)

    def _retire(self, key: VirtualKey, grace: str | None, *, alias: str, successor: str) -> None:
        """Delete a key, or keep it for ``grace``, but not beyond its own expiry."""
        if not is_ours(key, self.project):
            raise KeyAliasExists(f"Another key {alias!r} was created meanwhile; it is kept.")
        if grace is None:
            self.delete_replaced(key, by=successor)
            return
        until = self.now() + timedelta(seconds=duration_seconds(grace))
        sooner = key.expires is not None and key.expires <= until
        change = KeyChange(
            alias=predecessor_alias(alias, key),
            metadata={**key.metadata, ALIAS_METADATA: alias},
            duration=None if sooner else grace,
        )
        litellm.update_key(self.gateway, self.master, key.hash, change)

    def _keep_one(
        self, current: tuple[VirtualKey, ...], live: Collection[str]
    ) -> VirtualKey | None:
        """Delete all but one: LiteLLM checks an alias before the insert, so two can get it."""
        if not current:
            return None
        kept = next((key for key in current if key.hash in live), current[0])
        for key in current:
            if key != kept and is_ours(key, self.project):
                self.delete_replaced(key, by=kept.hash)
        return kept

    def _delete(self, key: VirtualKey) -> None:
        litellm.delete_key(self.gateway, self.master, key.hash)
