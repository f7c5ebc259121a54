"""The virtual keys, teams and users that gateway.yaml declares, as frozen values.

Owns their shape. Must not know how they are read or created.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

OwnerKind = Literal["team", "user"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredKey:
    """A declared virtual key: its alias in LiteLLM, its variable in .env.

    ``limits`` are budgets, rates, rights and owners by LiteLLM's names (`declared.limits`), only
    those that are declared; None for one that is declared to be absent.
    """

    alias: str
    env: str
    models: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    duration: str | None = None
    limits: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def owners(self) -> tuple[tuple[OwnerKind, str], ...]:
        """The team and the user that the key belongs to."""
        named: tuple[tuple[OwnerKind, Any], ...] = (
            ("team", self.limits.get("team_id")),
            ("user", self.limits.get("user_id")),
        )
        return tuple((kind, str(name)) for kind, name in named if name is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredOwner:
    """A declared team or user, which keys belong to; ``name`` is its id in LiteLLM.

    ``members`` are the users of a team by id, None if they are not declared. ``limits`` as those of
    a key.
    """

    kind: OwnerKind
    name: str
    models: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    limits: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    members: tuple[str, ...] | None = None
