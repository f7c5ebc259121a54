"""The ``teams:`` and ``users:`` of gateway.yaml, which keys belong to, by their ids in LiteLLM.

Owns the reading of two sections. Must not know the gateway, which creates them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from gatewayctl.settings.cursor import Cursor
from gatewayctl.settings.declared.keys import DeclaredOwner, OwnerKind
from gatewayctl.settings.declared.limits import TEAM_LIMITS, USER_LIMITS
from gatewayctl.settings.fields import Setting
from gatewayctl.settings.model import Model, Source
from gatewayctl.settings.plain_secrets import refuse_secrets
from gatewayctl.settings.problems import Problems
from gatewayctl.settings.sections.limits import (
    check_model_names,
    limit_settings,
    model_names,
    read_limits,
)

_MODELS: Final = Setting("list of strings", "all models", "Models that its keys may use.")
_METADATA: Final = Setting("mapping", "", "Any data to store with it.")
TEAM_SETTINGS: Final = {
    "models": _MODELS,
    "members": Setting(
        "list of strings", "unchanged", "Ids of its users; LiteLLM creates those it does not have."
    ),
    "metadata": _METADATA,
    **limit_settings(TEAM_LIMITS),
}
USER_SETTINGS: Final = {
    "models": _MODELS,
    "metadata": _METADATA,
    **limit_settings(USER_LIMITS),
}
_RESERVED: Final = frozenset({"default_user_id", "litellm-dashboard"})
"""The administrator of LiteLLM, and the team of its admin UI."""


def parse_teams(section: Cursor) -> tuple[DeclaredOwner, ...]:
    """Read the declared teams; none by default."""
    return tuple(_owner("team", entry) for entry in section.mapping().values())


def parse_users(section: Cursor) -> tuple[DeclaredOwner, ...]:
    """Read the declared users; none by default."""
    return tuple(_owner("user", entry) for entry in section.mapping().values())


def check_owners(
    owners: Iterable[DeclaredOwner],
    models: Iterable[Model],
    origins: Mapping[str, Source],
    problems: Problems,
) -> None:
    """Report models that are not declared."""
    names = model_names(models)
    for owner in owners:
        check_model_names(f"{owner.kind}s.{owner.name}", owner, names, origins, problems)


def _owner(kind: OwnerKind, entry: Cursor) -> DeclaredOwner:
    entry.check_printable_name(f"id of the {kind}")
    if entry.name in _RESERVED:
        entry.add_at_name(f"{entry.path}: LiteLLM uses {entry.name} itself, choose another name")
    entry.check_names(TEAM_SETTINGS if kind == "team" else USER_SETTINGS)
    metadata, members = entry.child("metadata"), entry.child("members")
    refuse_secrets(metadata)
    return DeclaredOwner(
        kind=kind,
        name=entry.name,
        models=entry.child("models").strings(),
        metadata=metadata.data(),
        limits=read_limits(entry, TEAM_LIMITS if kind == "team" else USER_LIMITS),
        members=members.strings() if kind == "team" and members.is_set else None,
    )
