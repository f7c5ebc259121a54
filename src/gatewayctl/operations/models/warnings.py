"""What people should know about the declared models before a call fails."""

from __future__ import annotations

from gatewayctl.operations.models.loopback import warn_loopback
from gatewayctl.operations.models.provider_names import warn_without_provider
from gatewayctl.settings.model import Settings


def warn_of_models(settings: Settings) -> tuple[str, ...]:
    """One warning for each problem of a declared model, a line each."""
    return (*warn_without_provider(settings), *warn_loopback(settings))
