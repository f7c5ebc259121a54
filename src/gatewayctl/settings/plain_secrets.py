"""Secrets do not belong in gateway.yaml: find those that were put there.

Owns which values and references are refused. Must not know any one setting, nor how a secret is
recognized (masking). No message contains a value.
"""

from __future__ import annotations

import re
from typing import Final

from gatewayctl.settings.cursor import VARIABLE_NAME, Cursor
from gatewayctl.settings.fields import STACK_SECRETS
from gatewayctl.settings.masking import looks_like_a_secret, named_like_a_secret

REFERENCE: Final = "os.environ/"
"""The prefix with which LiteLLM takes a value from its environment."""

_PROVIDER: Final = "the provider"
_NO_SECRETS: Final = frozenset(
    {"true", "false", "none", "null", "empty", "dummy", "sk-no-key-required"}
)
"""What people write for a server that wants any key, or none."""
_FILE: Final = re.compile(r"[\w./~-]+\.(json|pem|crt|cer|key|p12|pfx|ya?ml|toml|txt)", re.ASCII)
NAMED_BY_OTHERS: Final = frozenset(
    {
        *("model_group_alias", "fallbacks", "context_window_fallbacks", "content_policy_fallbacks"),
        *("pii_entities_config", "cost_discount_config", "mcp_aliases", "aliases"),
    }
)
"""Mappings whose names are those of models, headers of answers or kinds of personal data."""


def referenced_variables(setting: Cursor) -> set[str]:
    """The environment variables that ``os.environ/NAME`` in a value refers to."""
    if isinstance(setting.value, str) and setting.value.startswith(REFERENCE):
        return {setting.value.removeprefix(REFERENCE)}
    return {name for part in setting.parts() for name in referenced_variables(part)}


def is_secret(name: str, value: str) -> bool:
    """True for the value of a setting that must not be written out, by its form or its name."""
    return looks_like_a_secret(value) or (named_like_a_secret(name) and _may_be_secret(value))


def is_placeholder(text: str) -> bool:
    """True for a word in place of a key, and for a pointer to one."""
    return text.strip().lower() in {"", *_NO_SECRETS} or text.startswith("oidc/")


def is_number(text: str) -> bool:
    """True for a number as Python reads it."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def refuse_secrets(
    setting: Cursor, *, reader: str | None = _PROVIDER, by_name: bool = True
) -> None:
    """Report every secret that is written out, and every reference that is not allowed.

    ``reader`` is who would receive the values of the references; None allows the stack's own.
    Without ``by_name`` names do not tell what a value is, only its form does.
    """
    value = setting.value
    by_name = by_name and setting.name not in NAMED_BY_OTHERS
    if isinstance(value, str):
        if value.startswith(REFERENCE):
            _check_reference(setting, value.removeprefix(REFERENCE), reader)
        elif is_secret(setting.name if by_name else "", value):
            setting.add(
                f"{setting.path} contains a secret:"
                f" write {REFERENCE}NAME instead and put NAME into .env"
            )
    for part in setting.parts():
        refuse_secrets(part, reader=reader, by_name=by_name)
        # LiteLLM replaces references in mappings only, and would send the string itself.
        if isinstance(value, list) and str(part.value).startswith(REFERENCE):
            part.add(f"{part.path}: LiteLLM does not read {REFERENCE} inside a list")


def refuse_stack_secret(setting: Cursor, variable: str, *, reader: str = _PROVIDER) -> None:
    """Report a variable that would disclose a secret of the stack."""
    if variable in STACK_SECRETS:
        setting.add(
            f"{setting.path} must not use {variable}: it would send that secret to {reader}"
        )


def _check_reference(setting: Cursor, variable: str, reader: str | None) -> None:
    if not VARIABLE_NAME.fullmatch(variable):
        setting.add(f"{setting.path}: {REFERENCE} must be followed by the name of a variable")
    if reader is not None:
        refuse_stack_secret(setting, variable, reader=reader)


def _may_be_secret(value: str) -> bool:
    """False for numbers, words in place of a key, files, and pointers to a secret."""
    is_other = is_placeholder(value) or is_number(value) or _FILE.fullmatch(value)
    return REFERENCE not in value and not is_other
