"""The text of ``.env.example``, generated from the table of settings.

Owns its wording and order. Must not hold a value: it is committed.
"""

from __future__ import annotations

from textwrap import wrap
from typing import Final

from gatewayctl.settings import fields
from gatewayctl.settings.fields import Field

_HEADER: Final = """\
# What a gateway project reads from the environment, or from a .env beside gateway.yaml.
# `gatewayctl init` makes that .env, with every secret marked (generated) filled in once.
# Copying this file to .env works as well: `gatewayctl init` then fills the empty ones.
# The environment wins over .env, and .env wins over gateway.yaml. Keep .env at mode 0600.
"""
_OTHERS: Final = "# Everything else; gateway.yaml has the same settings\n"


def env_example() -> str:
    """The whole file: secrets empty, everything else commented out at its default."""
    secrets = "\n".join(_secret(field) for field in fields.SECRETS)
    others = "\n".join(_other(field) for field in fields.SCALARS if field.env)
    return f"{_HEADER}\n# Secrets\n\n{secrets}\n{_OTHERS}\n{others}"


def _secret(field: Field) -> str:
    mark = " (generated)" if field.generated else ""
    return f"{_comment(field.help + mark)}{field.env}=\n"


def _other(field: Field) -> str:
    choices = f" One of: {', '.join(field.choices)}." if field.choices else ""
    default = "" if field.default is None else field.default
    return f"{_comment(field.help + choices)}#{field.env}={default}\n"


def _comment(text: str) -> str:
    return "".join(f"# {line}\n" for line in wrap(text, 90))
