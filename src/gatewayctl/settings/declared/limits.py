"""LiteLLM's fields of keys, teams and users that gateway.yaml may declare, as one table.

Owns their types, where LiteLLM stores each, how each is removed, and which need a license; as read
in LiteLLM 1.108.14 and seen there. Must not know how they are sent or compared.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Literal

Kind = Literal[
    "dollars", "count", "duration", "string", "strings", "strings_by_name", "counts", "aliases",
    "flag", "mapping", "windows", "allocation", "role",
]  # fmt: skip
Store = Literal["column", "metadata", "budget", "member", "model_table"]
ALLOCATIONS: Final = ("best_effort_throughput", "guaranteed_throughput", "dynamic")
ROLES: Final = ("proxy_admin", "proxy_admin_viewer", "internal_user", "internal_user_viewer")
CALL_ROUTES: Final = ("llm_api_routes",)
"""The routes of a key of the type ``llm_api``: those that call models."""
# The units of LiteLLM's duration_in_seconds.
DURATION: Final = re.compile(r"[1-9][0-9]{0,6}(s|m|h|d|w|mo)")
_MEMBER: Final = "team_member_"
_ADDED: Final = frozenset({"reset_at"})
"""What LiteLLM adds to the parts of a value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A field of LiteLLM. ``cleared`` is what removes it, ``label`` its name in gateway.yaml.

    ``store``: its own column; the metadata; the row of the budget; the row of the budget of a
    team's members; the row of a team's models. ``licensed``: only with LiteLLM's Enterprise
    license.
    """

    kind: Kind
    help: str
    store: Store = "column"
    cleared: Any = None
    licensed: bool = False
    label: str | None = None


_BUDGETS: Final[Mapping[str, Limit]] = {
    "max_budget": Limit(kind="dollars", help="Budget in US dollars; calls beyond it are refused."),
    "soft_budget": Limit(
        kind="dollars", help="Budget in US dollars; LiteLLM only alerts beyond it.", store="budget"
    ),
    "budget_duration": Limit(kind="duration", help="The spend is reset after this time: 1d, 30d."),
    "budget_limits": Limit(
        kind="windows", help="Several budgets: a list of budget_duration and max_budget."
    ),
}
_RATES: Final[Mapping[str, Limit]] = {
    "rpm_limit": Limit(kind="count", help="Requests a minute."),
    "tpm_limit": Limit(kind="count", help="Tokens a minute."),
    "tpd_limit": Limit(kind="count", help="Tokens a day."),
    "model_rpm_limit": Limit(kind="counts", help="Requests a minute, by model.", store="metadata"),
    "model_tpm_limit": Limit(kind="counts", help="Tokens a minute, by model.", store="metadata"),
    "rpm_limit_type": Limit(
        kind="allocation", help="How the rate is guaranteed within that of the team.",
        store="metadata",
    ),
    "tpm_limit_type": Limit(
        kind="allocation", help="The same for tokens.", store="metadata",
    ),
}  # fmt: skip
_LICENSED: Final[Mapping[str, Limit]] = {
    "guardrails": Limit(
        kind="strings", help="Guardrails of every call.", store="metadata", licensed=True
    ),
    "policies": Limit(
        kind="strings", help="Policies of every call.", store="metadata", licensed=True
    ),
    "prompts": Limit(
        kind="strings", help="Prompts that may be used.", store="metadata", licensed=True
    ),
    "model_max_budget": Limit(
        kind="mapping", help="Budgets by model.", cleared=MappingProxyType({}), licensed=True
    ),
    "disable_global_guardrails": Limit(
        kind="flag", help="Leave out the guardrails of all calls.", store="metadata", licensed=True
    ),
    "allowed_passthrough_routes": Limit(
        kind="strings", help="Pass-through routes allowed.", store="metadata", licensed=True
    ),
    "denied_passthrough_routes": Limit(
        kind="strings", help="Pass-through routes denied.", store="metadata", licensed=True
    ),
}
_TAGS: Final = Limit(
    kind="strings", help="Tags of every call, in the spend logs.", store="metadata"
)

KEY_LIMITS: Final[Mapping[str, Limit]] = {
    "team_id": Limit(kind="string", help="Id of a team that is not declared.", label="team"),
    "user_id": Limit(kind="string", help="Id of a user that is not declared.", label="user"),
    **_BUDGETS,
    **_RATES,
    "tag_rpm_limit": Limit(kind="counts", help="Requests a minute, by tag.", store="metadata"),
    "mcp_rpm_limit": Limit(
        kind="counts", help="Requests a minute, by MCP server.", store="metadata"
    ),
    "max_parallel_requests": Limit(kind="count", help="Requests at the same time."),
    "throttle_on_budget_exceeded": Limit(
        kind="flag", help="Slow calls down instead of refusing them.", store="metadata"
    ),
    "budget_fallbacks": Limit(
        kind="strings_by_name", help="Models to use when a budget is spent, by model.",
        cleared=MappingProxyType({}),
    ),
    "default_estimated_output_tokens": Limit(
        kind="count", help="Tokens of an answer that rates count in advance.", store="metadata"
    ),
    "aliases": Limit(
        kind="aliases", help="Other names of models, for this key: name: model.",
        cleared=MappingProxyType({}),
    ),
    "tags": _TAGS,
    "allowed_routes": Limit(
        kind="strings", help="Routes that the key may call. Default: those that call models.",
        cleared=CALL_ROUTES,
    ),
    "allowed_cache_controls": Limit(
        kind="strings", help="Cache controls that calls may set: no-cache, no-store.", cleared=(),
    ),
    "permissions": Limit(
        kind="mapping", help="LiteLLM's permissions.", cleared=MappingProxyType({})
    ),
    "router_settings": Limit(kind="mapping", help="Settings of the router, for this key."),
    "enable_prompt_caching": Limit(
        kind="flag", help="Cache prompts at providers that can.", store="metadata"
    ),
    **_LICENSED,
    "enforced_params": Limit(
        kind="strings", help="Parameters that every call must have.", store="metadata",
        licensed=True,
    ),
}  # fmt: skip
TEAM_LIMITS: Final[Mapping[str, Limit]] = {
    "team_alias": Limit(kind="string", help="Name that LiteLLM shows; default: NAME."),
    **{
        name: Limit(kind=limit.kind, help=limit.help) if name == "soft_budget" else limit
        for name, limit in {**_BUDGETS, **_RATES}.items()
    },
    "team_member_budget": Limit(
        kind="dollars", help="Budget of each member in US dollars.", store="member"
    ),
    "team_member_budget_duration": Limit(
        kind="duration", help="The spend of members is reset after this time.", store="member"
    ),
    "team_member_rpm_limit": Limit(
        kind="count", help="Requests a minute of each member.", store="member"
    ),
    "team_member_tpm_limit": Limit(
        kind="count", help="Tokens a minute of each member.", store="member"
    ),
    "model_aliases": Limit(
        kind="aliases", help="Other names of models, for this team: name: model.",
        store="model_table", cleared=MappingProxyType({}),
    ),
    "tags": _TAGS,
    "router_settings": Limit(kind="mapping", help="Settings of the router, for this team."),
    **_LICENSED,
}  # fmt: skip
USER_LIMITS: Final[Mapping[str, Limit]] = {
    "user_alias": Limit(kind="string", help="Name that LiteLLM shows."),
    "user_email": Limit(kind="string", help="Address of the user."),
    "user_role": Limit(kind="role", help=f"One of {', '.join(ROLES)}.", cleared="internal_user"),
    **{name: _BUDGETS[name] for name in ("max_budget", "budget_duration")},
    **{name: _RATES[name] for name in ("rpm_limit", "tpm_limit")},
}
OWNER_LIMITS: Final = MappingProxyType({"team": TEAM_LIMITS, "user": USER_LIMITS})


def normalize(value: Any) -> Any:
    """A value as it is compared: without empty parts, order of strings and LiteLLM's additions."""
    if isinstance(value, Mapping):
        parts = {name: normalize(part) for name, part in value.items() if name not in _ADDED}
        return {name: part for name, part in parts.items() if part is not None} or None
    if isinstance(value, list | tuple):
        parts_ = [normalize(part) for part in value]
        return sorted(parts_, key=json.dumps) or None
    return value


def simplify(limit: Limit, value: Any) -> Any:
    """A value of a field as it is compared; None if that is what removes the field."""
    normal = normalize(value)
    return None if normal == normalize(limit.cleared) else normal


def read_limits(table: Mapping[str, Limit], row: Mapping[str, Any]) -> dict[str, Any]:
    """What a row of LiteLLM has of the table, without what is in the metadata."""
    found = {
        name: simplify(limit, _find(name, limit, row))
        for name, limit in table.items()
        if limit.store != "metadata"
    }
    return {name: value for name, value in found.items() if value is not None}


def _find(name: str, limit: Limit, row: Mapping[str, Any]) -> Any:
    if limit.store == "budget":
        # The answer to a new key has it at the top.
        value = (row.get("litellm_budget_table") or row).get(name)
    elif limit.store == "member":
        column = name.removeprefix(_MEMBER)
        column = "max_budget" if column == "budget" else column
        value = (row.get("team_member_budget_table") or {}).get(column)
    elif limit.store == "model_table":
        value = (row.get("litellm_model_table") or {}).get(name)
        value = json.loads(value) if isinstance(value, str) else value
    else:
        value = row.get(name)
    return value


def in_metadata(table: Mapping[str, Limit], limits: Mapping[str, Any]) -> dict[str, Any]:
    """Those of some limits that LiteLLM stores in the metadata, without absent ones."""
    return {
        name: _plain(value)
        for name, value in limits.items()
        if table[name].store == "metadata" and value is not None
    }


def as_sent(table: Mapping[str, Limit], limits: Mapping[str, Any]) -> dict[str, Any]:
    """Those of some limits that are fields of a request; an absent one is cleared."""
    return {
        name: _plain(table[name].cleared if value is None else value)
        for name, value in limits.items()
        if table[name].store != "metadata"
    }


def licensed_fields(
    table: Mapping[str, Limit], limits: Mapping[str, Any], metadata: Iterable[str]
) -> tuple[str, ...]:
    """The declared fields that LiteLLM refuses without a license, also those in the metadata."""
    named = (name for name, value in limits.items() if value is not None)
    # `tags` in metadata are free.
    stored = (name for name in metadata if name in table)
    return tuple(name for name in dict.fromkeys((*named, *stored)) if table[name].licensed)


def _plain(value: Any) -> Any:
    """A value for JSON: settings hold mappings that cannot be changed."""
    if isinstance(value, Mapping):
        return {name: _plain(part) for name, part in value.items()}
    return [_plain(part) for part in value] if isinstance(value, list | tuple) else value
