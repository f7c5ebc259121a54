"""One alias moving from an old key to a new one, so that .env always holds one that works.

LiteLLM's own regenerate needs a licence, and aliases are unique there. So the new key is
registered as ``ALIAS@next``, .env is changed, the old one is deleted or renamed to
``ALIAS@old-…`` with its time of grace, and last the new one takes the alias. Whichever of
these was the last to happen is told by LiteLLM and .env alone, and `finish` goes on from
there: a successor whose secret .env holds takes over, any other is deleted. Owns these
stages. Must not know how a key is made or .env is written.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from gatewayctl.errors import KeyAliasExists
from gatewayctl.gateway import keys as litellm
from gatewayctl.gateway.client import GatewayClient
from gatewayctl.gateway.keys import KeyChange, VirtualKey
from gatewayctl.operations.keys.metadata import (
    ALIAS_METADATA,
    GRACE_METADATA,
    alias_of,
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
    """The live keys of one alias. ``holders`` bear it, more than one by a race only."""

    alias: str
    holders: tuple[VirtualKey, ...]
    successors: tuple[VirtualKey, ...]
    predecessors: tuple[VirtualKey, ...]

    @property
    def interrupted(self) -> bool:
        return bool(self.successors) or len(self.holders) > 1


def classify_family(alias: str, keys: Iterable[VirtualKey], project: str) -> Family:
    """Sort keys by their stage; those of others never belong to a family but by the alias."""
    mine = [key for key in keys if alias_of(key) == alias and is_ours(key, project)]
    staged = [key for key in mine if is_successor(key) or is_predecessor(key)]
    return Family(
        alias=alias,
        holders=tuple(key for key in keys if key.alias == alias and key not in staged),
        successors=tuple(key for key in staged if is_successor(key)),
        predecessors=tuple(key for key in staged if is_predecessor(key)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """The stages, in one project's LiteLLM."""

    gateway: GatewayClient
    master: Secret
    project: str
    now: Callable[[], datetime]

    def load_family(self, alias: str) -> Family:
        """What LiteLLM has of an alias now."""
        return classify_family(
            alias, litellm.list_key_family(self.gateway, self.master, alias), self.project
        )

    def finish(self, family: Family, live: Collection[str]) -> VirtualKey | None:
        """Finish what was interrupted; the one key that bears the alias then, or None.

        ``live`` are the hashes of the secrets that .env and the environment hold.
        """
        for key in family.predecessors:
            if key.is_expired(self.now()) and key.hash not in live:
                self._delete(key)
        for key in family.successors:
            if key.hash not in live:
                self._delete(key)
        chosen = [key for key in family.successors if key.hash in live]
        if chosen:
            return self.promote(chosen[0], family.holders, alias=family.alias)
        return self._keep_one(family.holders, live)

    def promote(
        self, successor: VirtualKey, holders: Iterable[VirtualKey], *, alias: str
    ) -> VirtualKey:
        """Retire those who bear the alias, then give it to the successor."""
        grace = successor.metadata.get(GRACE_METADATA)
        for holder in holders:
            self.retire(holder, grace if isinstance(grace, str) else None, alias=alias)
        change = KeyChange(alias=alias, metadata=strip_rotation_stage(successor.metadata))
        return litellm.update_key(self.gateway, self.master, successor.hash, change)

    def retire(self, key: VirtualKey, grace: str | None, *, alias: str) -> None:
        """Delete a key, or leave it for ``grace``, but never longer than it had to live."""
        if not is_ours(key, self.project):
            raise KeyAliasExists(f"Meanwhile somebody else made a key {alias!r}; it is left alone.")
        if grace is None:
            self._delete(key)
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
        self, holders: tuple[VirtualKey, ...], live: Collection[str]
    ) -> VirtualKey | None:
        """LiteLLM checks an alias before it inserts it, so two can come to bear it."""
        if not holders:
            return None
        kept = next((key for key in holders if key.hash in live), holders[0])
        for key in holders:
            if key != kept and is_ours(key, self.project):
                self._delete(key)
        return kept

    def _delete(self, key: VirtualKey) -> None:
        litellm.delete_key(self.gateway, self.master, key.hash)
