"""What people should know about the models and LiteLLM's configuration before a call fails."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gatewayctl.operations.models.loopback import warn_loopback
from gatewayctl.operations.models.provider_names import warn_without_provider
from gatewayctl.rendering.litellm_config import find_conflicts
from gatewayctl.settings.litellm.traps import find_remarks
from gatewayctl.settings.model import Settings

_OWN: Final = frozenset({"LITELLM_MASTER_KEY", "LITELLM_SALT_KEY", "UI_PASSWORD", "DATABASE_URL"})
"""Variables of the service litellm that gatewayctl sets."""


def warn_of_models(settings: Settings) -> tuple[str, ...]:
    """One warning for each problem of a declared model or of LiteLLM's configuration."""
    return (
        *(str(conflict) for conflict in find_conflicts(settings)),
        *_warn_of_references(settings),
        *warn_without_provider(settings),
        *warn_loopback(settings),
    )


def _warn_of_references(settings: Settings) -> Iterator[str]:
    """References that LiteLLM reads as nothing; the keys of providers are reported elsewhere."""
    if settings.litellm is None:
        return
    present = {*settings.environment, *settings.litellm_service.environment, *_OWN}
    present |= {model.api_key_env for model in settings.models if model.api_key_env}
    for source, message in find_remarks(settings.litellm, present):
        yield f"{source}: {message}"
