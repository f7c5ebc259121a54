"""The marks gatewayctl leaves in a key's metadata: whose it is, and where its secret lies.

Owns the names of the marks and what they say about a key; LiteLLM and .env alone tell
every state a crash can leave, so there is no journal. Pure: must not call anybody.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gatewayctl.gateway.keys import VirtualKey
from gatewayctl.settings.model import DeclaredKey

CREATED_BY: Final = "gatewayctl"
ENV_METADATA: Final = "gatewayctl_env"
"""The variable of .env that holds the key."""
DURATION_METADATA: Final = "gatewayctl_duration"
"""The duration the key was declared with: LiteLLM itself keeps the moment of expiry only."""
ALIAS_METADATA: Final = "gatewayctl_alias"
"""On the two keys of a rotation that do not bear their alias: the alias they belong to."""
GRACE_METADATA: Final = "gatewayctl_grace"
"""On a successor: how long its predecessor stays valid, once it takes over."""

_SUCCESSOR: Final = "@next"
_PREDECESSOR: Final = "@old-"
_MARKS: Final = frozenset({
    "created_by", "project", ENV_METADATA, DURATION_METADATA, ALIAS_METADATA, GRACE_METADATA,
})  # fmt: skip
# What LiteLLM 1.106.2 keeps in a key's metadata for itself: limits and rules set in its UI.
_LITELLM: Final = frozenset({
    "model_rpm_limit", "model_tpm_limit", "model_itpm_limit", "model_otpm_limit",
    "default_estimated_output_tokens", "default_estimated_output_tokens_per_model",
    "mcp_rpm_limit", "tag_rpm_limit", "rpm_limit_type", "tpm_limit_type", "enforced_params",
    "temp_budget_increase", "temp_budget_expiry", "allowed_vector_store_indexes",
    "enforced_batch_output_expires_after", "enforced_file_expires_after",
    "throttle_on_budget_exceeded", "enable_prompt_caching", "end_user_budget_id",
    "disable_global_guardrails", "guardrails", "policies", "tags", "team_member_key_duration",
    "prompts", "logging", "secret_manager_settings", "allowed_passthrough_routes",
    "denied_passthrough_routes", "service_account_id",
})  # fmt: skip


def is_ours(key: VirtualKey, project: str) -> bool:
    """True for a key this project's gatewayctl registered, which it may change and delete."""
    metadata = key.metadata
    return metadata.get("created_by") == CREATED_BY and metadata.get("project", project) == project


def variable_of(key: VirtualKey) -> str | None:
    """The variable of .env that holds the key, as the key itself says."""
    name = key.metadata.get(ENV_METADATA)
    return name if isinstance(name, str) else None


def alias_of(key: VirtualKey) -> str | None:
    """The alias the key stands for, whichever stage of a rotation it is in."""
    marked = key.metadata.get(ALIAS_METADATA)
    return marked if isinstance(marked, str) else key.alias


def is_successor(key: VirtualKey) -> bool:
    """True for a key that was made to take over an alias, and has not yet."""
    alias = key.metadata.get(ALIAS_METADATA)
    return isinstance(alias, str) and key.alias == successor_alias(alias)


def is_predecessor(key: VirtualKey) -> bool:
    """True for a key that was rotated away and is valid for its time of grace."""
    alias = key.metadata.get(ALIAS_METADATA)
    return isinstance(alias, str) and (key.alias or "").startswith(f"{alias}{_PREDECESSOR}")


def successor_alias(alias: str) -> str:
    return f"{alias}{_SUCCESSOR}"


def predecessor_alias(alias: str, key: VirtualKey) -> str:
    """An alias of its own for each, as several may be in their time of grace."""
    return f"{alias}{_PREDECESSOR}{key.hash[:8]}"


def declared_metadata(declared: DeclaredKey, project: str) -> dict[str, Any]:
    """The metadata of a declared key as LiteLLM gets it."""
    duration = {} if declared.duration is None else {DURATION_METADATA: declared.duration}
    return {
        **declared.metadata,
        "created_by": CREATED_BY,
        "project": project,
        ENV_METADATA: declared.env,
        **duration,
    }


def updated_metadata(declared: DeclaredKey, project: str, key: VirtualKey) -> dict[str, Any]:
    """The metadata an existing key should have; limits somebody set in LiteLLM stay."""
    return {**litellm_metadata(key.metadata), **declared_metadata(declared, project)}


def strip_rotation_stage(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Metadata of a key that bears its alias: no mark of a rotation is left."""
    stage = {ALIAS_METADATA, GRACE_METADATA}
    return {name: value for name, value in metadata.items() if name not in stage}


def user_metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Metadata without our marks and without what LiteLLM keeps there for itself."""
    return {name: value for name, value in metadata.items() if name not in _MARKS | _LITELLM}


def litellm_metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Limits and rules somebody set in LiteLLM, which no change of ours may lose."""
    return {name: value for name, value in metadata.items() if name in _LITELLM}
