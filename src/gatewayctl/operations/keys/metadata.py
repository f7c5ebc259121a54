"""The marks of gatewayctl in a key's metadata: whose it is, and which variable holds it.

Owns the names of the marks and what they mean; LiteLLM and .env are enough to recognize
every state that a crash can leave, so there is no journal. Pure: must not call a service.
"""

from __future__ import annotations

import shlex
from collections.abc import Collection, Mapping
from typing import Any, Final

from gatewayctl.errors import KeyAliasExists
from gatewayctl.gateway.keys import VirtualKey
from gatewayctl.gateway.owners import Owner
from gatewayctl.operations.keys.limits import (
    FIELDS_METADATA,
    limits_metadata,
    managed_fields,
)
from gatewayctl.settings.declared.keys import DeclaredKey, DeclaredOwner
from gatewayctl.settings.declared.limits import DURATION, KEY_LIMITS, OWNER_LIMITS

CREATED_BY: Final = "gatewayctl"
ENV_METADATA: Final = "gatewayctl_env"
"""The variable of .env that holds the key."""
DURATION_METADATA: Final = "gatewayctl_duration"
"""The duration the key was declared with: LiteLLM itself stores only the time of expiry."""
ALIAS_METADATA: Final = "gatewayctl_alias"
"""On a successor or predecessor, which has another alias: the alias it belongs to."""
GRACE_METADATA: Final = "gatewayctl_grace"
"""On a successor: how long its predecessor stays valid after the rotation."""
REPLACED_BY_METADATA: Final = "gatewayctl_replaced_by"
"""On a key that is being deleted for another: the hash of that one. LiteLLM blocks it before."""

_SUCCESSOR: Final = "@next"
_PREDECESSOR: Final = "@old-"
_MARKS: Final = frozenset({
    "created_by", "project", ENV_METADATA, DURATION_METADATA, ALIAS_METADATA, GRACE_METADATA,
    FIELDS_METADATA, REPLACED_BY_METADATA,
})  # fmt: skip
# Metadata that LiteLLM 1.108.14 uses itself: limits and rules set in its UI.
_LITELLM: Final = frozenset({
    "model_rpm_limit", "model_tpm_limit", "model_itpm_limit", "model_otpm_limit",
    "default_estimated_output_tokens", "default_estimated_output_tokens_per_model",
    "mcp_rpm_limit", "tag_rpm_limit", "rpm_limit_type", "tpm_limit_type", "enforced_params",
    "temp_budget_increase", "temp_budget_expiry", "allowed_vector_store_indexes",
    "enforced_batch_output_expires_after", "enforced_file_expires_after",
    "throttle_on_budget_exceeded", "enable_prompt_caching", "end_user_budget_id",
    "disable_global_guardrails", "guardrails", "policies", "tags", "team_member_key_duration",
    "prompts", "logging", "secret_manager_settings", "allowed_passthrough_routes",
    "denied_passthrough_routes", "service_account_id", "require_trace_id", "team_member_budget_id",
})  # fmt: skip


def is_ours(found: VirtualKey | Owner, project: str) -> bool:
    """True for what this project created, which gatewayctl may change and delete."""
    metadata = found.metadata
    return metadata.get("created_by") == CREATED_BY and metadata.get("project", project) == project


def foreign_key(key: VirtualKey, alias: str, consequence: str, *, hint: str) -> KeyAliasExists:
    """The error for a key of others, which may be this project under the name it had before."""
    project = key.metadata.get("project")
    if key.metadata.get("created_by") != CREATED_BY or not isinstance(project, str):
        return KeyAliasExists(
            f"The key {alias!r} was not created by gatewayctl, {consequence}.", hint=hint
        )
    return KeyAliasExists(
        f"The key {alias!r} was created for the project {project!r}, {consequence}.",
        hint=f"If that is this one's former name, write `project_name: {project}` into"
        f" gateway.yaml. Otherwise: {hint}",
    )


def is_blocked(key: VirtualKey, stored: Collection[str]) -> bool:
    """True if an operator blocked the key; ``stored`` are the hashes of its values in .env.

    False for one that gatewayctl blocked to delete it, and was interrupted: .env has the key that
    takes its place already.
    """
    return key.blocked and key.metadata.get(REPLACED_BY_METADATA) not in stored


def blocked_key(alias: str, consequence: str) -> KeyAliasExists:
    """The error for a key that an operator blocked, which gatewayctl never does away with."""
    return KeyAliasExists(
        f"The key {alias!r} is blocked in LiteLLM, {consequence}.", hint=advise_blocked(alias)
    )


def advise_blocked(alias: str) -> str:
    """What to do about a blocked key, as a sentence: both ways are a decision of an operator."""
    name = shlex.quote(alias)
    return (
        f"Unblock {alias} in LiteLLM (`gatewayctl ui`), or run"
        f" `gatewayctl keys revoke {name} --yes` and then `gatewayctl keys create {name}`."
    )


def variable_of(key: VirtualKey) -> str | None:
    """The variable of .env that holds the key, according to its metadata."""
    name = key.metadata.get(ENV_METADATA)
    return name if isinstance(name, str) else None


def duration_of(key: VirtualKey) -> str | None:
    """The duration that an operator gave the key, according to its metadata."""
    duration = key.metadata.get(DURATION_METADATA)
    return duration if isinstance(duration, str) and DURATION.fullmatch(duration) else None


def alias_of(key: VirtualKey) -> str | None:
    """The alias the key belongs to, at any stage of a rotation."""
    marked = key.metadata.get(ALIAS_METADATA)
    return marked if isinstance(marked, str) else key.alias


def is_successor(key: VirtualKey) -> bool:
    """True for the new key of a rotation that has not got its alias yet."""
    alias = key.metadata.get(ALIAS_METADATA)
    return isinstance(alias, str) and key.alias == successor_alias(alias)


def is_predecessor(key: VirtualKey) -> bool:
    """True for a key that was rotated and is valid for its grace period."""
    alias = key.metadata.get(ALIAS_METADATA)
    return isinstance(alias, str) and (key.alias or "").startswith(f"{alias}{_PREDECESSOR}")


def successor_alias(alias: str) -> str:
    return f"{alias}{_SUCCESSOR}"


def predecessor_alias(alias: str, key: VirtualKey) -> str:
    """An alias for one old key: several may be in their grace period at once."""
    return f"{alias}{_PREDECESSOR}{key.hash[:8]}"


def declared_metadata(declared: DeclaredKey, project: str) -> dict[str, Any]:
    """The metadata to register a declared key with."""
    duration = {} if declared.duration is None else {DURATION_METADATA: declared.duration}
    return {
        **declared.metadata,
        **limits_metadata(KEY_LIMITS, declared),
        "created_by": CREATED_BY,
        "project": project,
        ENV_METADATA: declared.env,
        **duration,
    }


def updated_metadata(declared: DeclaredKey, project: str, key: VirtualKey | None) -> dict[str, Any]:
    """The metadata of an existing key, or of the one that replaces it; LiteLLM's limits stay."""
    kept = {} if key is None else _kept_metadata(declared, key)
    return {**kept, **declared_metadata(declared, project)}


def owner_metadata(
    declared: DeclaredOwner, project: str, found: Owner | None = None
) -> dict[str, Any]:
    """The metadata of a team or user; limits set in LiteLLM stay."""
    return {
        **({} if found is None else _kept_metadata(declared, found)),
        **declared.metadata,
        **limits_metadata(OWNER_LIMITS[declared.kind], declared),
        "created_by": CREATED_BY,
        "project": project,
    }


def _kept_metadata(
    declared: DeclaredKey | DeclaredOwner, found: VirtualKey | Owner
) -> dict[str, Any]:
    """What LiteLLM stores there itself, but for fields that are or were declared."""
    changed = managed_fields(found.metadata).union(declared.limits)
    kept = litellm_metadata(found.metadata)
    return {name: value for name, value in kept.items() if name not in changed}


def strip_rotation_stage(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Remove the marks of a rotation."""
    stage = {ALIAS_METADATA, GRACE_METADATA}
    return {name: value for name, value in metadata.items() if name not in stage}


def user_metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Metadata without our marks and without what LiteLLM stores there itself."""
    return {name: value for name, value in metadata.items() if name not in _MARKS | _LITELLM}


def litellm_metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Limits and rules set in LiteLLM, which our changes must keep."""
    return {name: value for name, value in metadata.items() if name in _LITELLM}
