"""Secrets to which the process environment gives another value than .env.

The environment takes precedence over .env, but gatewayctl writes the stack's secrets and the
virtual keys to .env: another value, usually of a shell that read an older .env, would replace
the one that works. Owns that refusal. Must not know which verb asks.
"""

from __future__ import annotations

from collections.abc import Iterable

from gatewayctl.errors import SecretOverridden
from gatewayctl.settings.fields import SECRETS
from gatewayctl.settings.model import Settings, Source


def require_no_overrides(settings: Settings) -> None:
    """Raise SecretOverridden if the environment has another value of a stored secret than .env."""
    found = find_overrides(settings, stored_names(settings))
    if found:
        raise overridden(found)


def stored_names(settings: Settings) -> tuple[str, ...]:
    """The variables of .env that gatewayctl writes: secrets of the stack, declared virtual keys."""
    secrets = (field.env for field in SECRETS if field.env and field.generated)
    needed = (
        name
        for name in secrets
        if not settings.is_external and (name != "REDIS_PASSWORD" or settings.needs_redis)
    )
    return tuple(dict.fromkeys((*needed, *(key.env for key in settings.keys))))


def find_overrides(settings: Settings, names: Iterable[str]) -> dict[str, Source]:
    """Those of the variables that the environment overrides, with their lines of .env."""
    lines = {name: settings.source_of(name).overrides for name in names}
    return {name: line for name, line in lines.items() if line is not None}


def overridden(lines: dict[str, Source]) -> SecretOverridden:
    """The error for variables whose value in the environment differs from their line of .env."""
    each = (f"{name} in the environment differs from {line}." for name, line in lines.items())
    return SecretOverridden(" ".join(each), hint=advise_unset(*lines))


def warn_overrides(settings: Settings, names: Iterable[str]) -> tuple[str, ...]:
    """Warn of each of the variables that the environment overrides, where it is only read."""
    return tuple(
        f"{name} in the environment takes precedence over another value in {line}. "
        + advise_unset(name)
        for name, line in find_overrides(settings, names).items()
    )


def advise_unset(*names: str) -> str:
    """The hint to unset variables of the environment."""
    return f"Run `unset {' '.join(names)}`."
