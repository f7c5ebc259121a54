"""Generate ``.env.example`` and ``.env.prod.example`` from the table of settings.

Owns their wording and order. Must not contain a secret: they are committed.
"""

from __future__ import annotations

from textwrap import wrap
from typing import Final

from gatewayctl.settings import fields
from gatewayctl.settings.fields import Field

_HEADER: Final = """\
# What a gateway project reads from the environment, or from a .env beside gateway.yaml.
# `gatewayctl init` creates that .env and generates every secret marked (generated).
# Copying this file to .env works as well: `gatewayctl init` then fills in the empty ones.
# The environment wins over .env, and .env wins over gateway.yaml. Keep .env at mode 0600.
"""
_PRODUCTION: Final = """\
# The environment of a gateway in production. Copy it to .env beside gateway.yaml, mode 0600,
# fill in the keys of your providers and run `gatewayctl init`: it generates every secret marked
# (generated) that is still empty. Keep a copy of .env in a safe place: without
# LITELLM_SALT_KEY, what LiteLLM has stored encrypted cannot be read any more.
# Without gatewayctl, generate them: `openssl rand -hex 24`, and `sk-` before those two keys.
"""
_OTHERS: Final = "# Everything else; gateway.yaml has the same settings\n"
_PROFILE: Final = "profile"


def env_example() -> str:
    """Generate the file: secrets empty, everything else commented out with its default."""
    return f"{_HEADER}\n{_secrets()}\n{_OTHERS}\n{_others()}"


def env_prod_example() -> str:
    """Generate the file for production, in which the profile is set."""
    profile = next(field for field in fields.SCALARS if field.name == _PROFILE)
    chosen = f"{_comment(profile.help)}{profile.env}=production\n"
    return f"{_PRODUCTION}\n{chosen}\n{_secrets()}\n{_OTHERS}\n{_others(without=_PROFILE)}"


def _secrets() -> str:
    return "# Secrets\n\n" + "\n".join(_secret(field) for field in fields.SECRETS)


def _others(*, without: str = "") -> str:
    shown = [field for field in fields.SCALARS if field.env and field.name != without]
    return "\n".join(_other(field) for field in shown)


def _secret(field: Field) -> str:
    mark = " (generated)" if field.generated else ""
    return f"{_comment(field.help + mark)}{field.env}=\n"


def _other(field: Field) -> str:
    return f"{_comment(field.help_with_choices)}#{field.env}={field.default_text}\n"


def _comment(text: str) -> str:
    return "".join(f"# {line}\n" for line in wrap(text, 90))
