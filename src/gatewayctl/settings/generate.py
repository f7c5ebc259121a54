"""The secrets of the stack, made once.

Owns their shape. Must not know where they are kept: the caller writes them into .env, and
never over a value that exists.
"""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import Final

from gatewayctl.settings import fields
from gatewayctl.settings.fields import Shape
from gatewayctl.settings.model import Secret, Settings

_BYTES: Final[dict[Shape, int]] = {"key": 32, "password": 24}


def generate_missing_secrets(settings: Settings) -> dict[str, str]:
    """New values for the secrets that this stack needs and no layer sets, by variable name."""
    return {
        field.env: generate_secret(field.generated)
        for field in fields.SECRETS
        if field.env and field.generated and field.attribute
        if field.attribute != "redis_password" or settings.needs_redis
        if getattr(settings.secrets, field.attribute) is None
    }


def with_generated_secrets(settings: Settings) -> Settings:
    """The settings as `missing_secrets` would complete them; nothing is kept."""
    made = generate_missing_secrets(settings)
    known = {field.env: field.attribute for field in fields.SECRETS if field.attribute}
    found = {known[name] or "": Secret(value) for name, value in made.items()}
    return replace(settings, secrets=replace(settings.secrets, **found))


def generate_secret(shape: Shape) -> str:
    """A random secret of hexadecimal digits, which every reader of .env reads alike.

    A key is ``sk-`` and 32 random bytes, a password 24 random bytes (LiteLLM's own advice
    is 32 bytes for the master and the salt key).
    """
    digits = secrets.token_hex(_BYTES[shape])
    return f"sk-{digits}" if shape == "key" else digits
