"""Which of the user's apps call models with a key that changed.

Owns the warning. Must not start anything.
"""

from __future__ import annotations

from collections.abc import Iterable

from gatewayctl.settings.model import Settings


def warn_outdated_apps(settings: Settings, aliases: Iterable[str]) -> tuple[str, ...]:
    """A warning where apps call models with one of these keys, which just changed in .env."""
    changed = set(aliases)
    names = [app.name for app in settings.apps if app.key in changed]
    if not names:
        return ()
    return (f"Run `gatewayctl up`, so that {', '.join(names)} gets the new key.",)
