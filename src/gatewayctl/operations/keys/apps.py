"""Which apps of gateway.yaml use a key that changed.

Owns the warning. Must not start anything.
"""

from __future__ import annotations

from collections.abc import Iterable

from gatewayctl.settings.model import Settings


def warn_outdated_apps(settings: Settings, aliases: Iterable[str]) -> tuple[str, ...]:
    """Warn if apps use one of these keys, which just changed in .env."""
    changed = set(aliases)
    names = [app.name for app in settings.apps if app.key in changed]
    return (f"Run `gatewayctl up` to pass the new key to {', '.join(names)}.",) if names else ()
