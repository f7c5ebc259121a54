"""What a key that gateway.yaml does not declare takes over from the one it replaces.

Owns the rule that the new key is neither wider nor valid for longer than the operator once said.
Pure: must not call a service.
"""

from __future__ import annotations

import shlex
from dataclasses import replace
from datetime import datetime

from gatewayctl.errors import UsageProblem
from gatewayctl.gateway.keys import VirtualKey
from gatewayctl.operations.keys.limits import inherited_fields
from gatewayctl.operations.keys.metadata import duration_of, user_metadata
from gatewayctl.operations.keys.request import default_variable
from gatewayctl.settings.declared.keys import DeclaredKey
from gatewayctl.settings.declared.limits import KEY_LIMITS


def inherit_limits(requested: DeclaredKey, old: VirtualKey) -> DeclaredKey:
    """Give an undeclared key the models, metadata, limits and duration of the one it replaces."""
    return replace(
        requested,
        models=requested.models or old.models,
        metadata={**user_metadata(old.metadata), **requested.metadata},
        limits=inherited_fields(KEY_LIMITS, old),
        # One whose expiry was removed in LiteLLM does not get it back.
        duration=requested.duration or (duration_of(old) if old.expires else None),
    )


def inherit_lifetime(requested: DeclaredKey, old: VirtualKey, now: datetime) -> str | None:
    """How long the new key of an undeclared one is valid: what is left, or all of it again.

    The remainder of a valid key is not its duration, which the metadata keeps. Raises UsageProblem
    for an expired key without a recorded duration, as its expiry was set in LiteLLM: without one
    the new key would never expire.
    """
    if requested.duration is not None or old.expires is None:
        return requested.duration
    left = int((old.expires - now).total_seconds())
    if left > 0:
        return f"{left}s"
    if recorded := duration_of(old):
        return recorded
    named = "" if requested.env == default_variable(requested.alias) else f" --env {requested.env}"
    create = f"`gatewayctl keys create {shlex.quote(requested.alias)}{named} --duration 30d`"
    raise UsageProblem(
        f"The key {requested.alias!r} has expired, and no duration is recorded for it:"
        " its new key would never expire.",
        hint=f"Give one, such as {create}, or declare the key in gateway.yaml.",
    )
