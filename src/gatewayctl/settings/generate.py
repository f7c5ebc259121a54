"""Generate the secrets of the stack.

Owns their shape. Must not know where they are stored: the caller writes them to .env, and
never replaces an existing value. A lost secret is generated again without loss: the databases get
the new passwords, virtual keys do not depend on the master key. Only the salt key cannot be
replaced once LiteLLM has stored values (`operations.state.salt_key`).
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
    """Generate the secrets that this stack needs and no layer sets, by variable name.

    A gateway that others operate has its own.
    """
    if settings.is_external:
        return {}
    return {
        field.env: generate_secret(field.generated)
        for field in fields.SECRETS
        if field.env and field.generated and field.attribute
        if field.attribute != "redis_password" or settings.needs_redis
        if getattr(settings.secrets, field.attribute) is None
    }


def with_generated_secrets(settings: Settings) -> Settings:
    """Complete the settings with generated secrets, which are not stored."""
    generated = generate_missing_secrets(settings)
    attributes = {field.env: field.attribute for field in fields.SECRETS if field.attribute}
    found = {attributes[name] or "": Secret(value) for name, value in generated.items()}
    return replace(settings, secrets=replace(settings.secrets, **found))


def generate_secret(shape: Shape) -> str:
    """Generate a random secret of hexadecimal digits, which every parser of .env reads alike.

    A key is ``sk-`` and 32 random bytes, a password 24 random bytes (LiteLLM
    recommends 32 bytes for the master and the salt key).
    """
    digits = secrets.token_hex(_BYTES[shape])
    return f"sk-{digits}" if shape == "key" else digits
