"""Teams and users in LiteLLM: create, look up, list, change, delete.

Owns the shapes of /team/* and /user/*, which differ. Must not know what is declared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from gatewayctl.gateway.client import GatewayClient, rows_of
from gatewayctl.settings.declared.keys import OwnerKind
from gatewayctl.settings.declared.limits import OWNER_LIMITS, read_limits
from gatewayctl.settings.model import Secret

ALL_MODELS: Final = ("all-proxy-models",)
"""The models of a user may all be used again: LiteLLM ignores an empty list in a change."""
_PAGE_SIZE: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """A team or user as LiteLLM returns it; ``limits`` and ``spend`` as those of a key.

    ``members`` are the users of a team by id, without its administrators. ``keys`` are the hashes
    of its virtual keys, as far as LiteLLM lists them.
    """

    kind: OwnerKind
    name: str
    models: tuple[str, ...]
    metadata: Mapping[str, Any]
    spend: float | None
    limits: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    members: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()

    @property
    def is_blank(self) -> bool:
        """True for a user without any setting, as LiteLLM creates one for a member of a team."""
        return self.kind == "user" and not (self.metadata or self.limits or self.models)

    @property
    def is_spent(self) -> bool:
        """True if LiteLLM refuses calls of its keys because the budget is spent."""
        budget = self.limits.get("max_budget")
        if budget is None or self.spend is None:
            return False
        # A team may spend all of it.
        return self.spend > budget if self.kind == "team" else bool(self.spend >= budget)


def find_owner(gateway: GatewayClient, master: Secret, kind: OwnerKind, name: str) -> Owner | None:
    """Find the team or user with that id, or None."""
    answer = gateway.call(
        "GET", f"/{kind}/info", key=master, role="master", params={f"{kind}_id": name},
        none_if_absent=True,
    )  # fmt: skip
    if answer is None:
        return None
    with gateway.expecting(f"the {kind}'s info"):
        return _parse(kind, answer[f"{kind}_info"], keys=rows_of(answer, "keys"))


def list_owners(gateway: GatewayClient, master: Secret, kind: OwnerKind) -> Iterator[Owner]:
    """Yield all teams or users, without their keys and the budgets of members."""
    if kind == "team":
        rows = gateway.call("GET", "/team/list", key=master, role="master")
        with gateway.expecting("a list of teams"):
            yield from (_parse(kind, row) for row in rows)
        return
    page, pages = 1, 1
    while page <= pages:
        params: dict[str, str | int] = {"page": page, "page_size": _PAGE_SIZE}
        answer = gateway.call("GET", "/user/list", key=master, role="master", params=params)
        with gateway.expecting("a list of users"):
            yield from (_parse(kind, row) for row in rows_of(answer, "users"))
            pages = int(answer.get("total_pages") or 1)
        page += 1


def create_owner(
    gateway: GatewayClient,
    master: Secret,
    kind: OwnerKind,
    name: str,
    body: Mapping[str, Any],
    *,
    members: tuple[str, ...] = (),
) -> None:
    """Create a team or user. Raises GatewayRefused for an id in use."""
    sent: dict[str, Any] = {f"{kind}_id": name, **body}
    if kind == "user":
        sent["auto_create_key"] = False
    else:
        sent.setdefault("team_alias", name)
        sent["members_with_roles"] = [{"role": "user", "user_id": member} for member in members]
    gateway.call("POST", f"/{kind}/new", key=master, role="master", json=sent)


def update_owner(
    gateway: GatewayClient, master: Secret, kind: OwnerKind, name: str, body: Mapping[str, Any]
) -> None:
    """Change the given fields; ``metadata`` replaces all of it, and the spend stays."""
    sent = {f"{kind}_id": name, **body}
    gateway.call("POST", f"/{kind}/update", key=master, role="master", json=sent)


def add_members(gateway: GatewayClient, master: Secret, team: str, users: tuple[str, ...]) -> None:
    """Add users to a team; LiteLLM creates those it does not have."""
    body = {"team_id": team, "member": [{"role": "user", "user_id": user} for user in users]}
    gateway.call("POST", "/team/member_add", key=master, role="master", json=body)


def remove_member(gateway: GatewayClient, master: Secret, team: str, user: str) -> None:
    """Remove a user from a team."""
    body = {"team_id": team, "user_id": user}
    gateway.call("POST", "/team/member_delete", key=master, role="master", json=body)


def delete_owner(gateway: GatewayClient, master: Secret, kind: OwnerKind, name: str) -> None:
    """Delete a team or user; LiteLLM deletes its keys with it."""
    body = {f"{kind}_ids": [name]}
    gateway.call(
        "POST", f"/{kind}/delete", key=master, role="master", json=body, none_if_absent=True
    )


def has_license(gateway: GatewayClient, master: Secret) -> bool:
    """True if LiteLLM has an Enterprise license."""
    answer = gateway.call("GET", "/health/license", key=master, role="master")
    with gateway.expecting("the state of the license"):
        return bool(answer["has_license"])


def _parse(
    kind: OwnerKind, row: Mapping[str, Any], *, keys: list[Mapping[str, Any]] | None = None
) -> Owner:
    spend, models = row.get("spend"), tuple(str(model) for model in row.get("models") or ())
    return Owner(
        kind=kind,
        name=str(row[f"{kind}_id"]),
        models=() if kind == "user" and models == ALL_MODELS else models,
        metadata=MappingProxyType(dict(row.get("metadata") or {})),
        spend=None if spend is None else float(spend),
        limits=MappingProxyType(read_limits(OWNER_LIMITS[kind], row)),
        members=tuple(
            str(member["user_id"])
            for member in row.get("members_with_roles") or ()
            if member.get("role") == "user" and member.get("user_id")
        ),
        keys=tuple(str(key.get("token") or "") for key in keys or ()),
    )
