"""Secrets do not belong in gateway.yaml: find those that were put there.

Owns how a secret is recognized, by its name or by its value. Must not know any one
setting. No message contains a value.
"""

from __future__ import annotations

import re
from typing import Final

from gatewayctl.settings.cursor import VARIABLE_NAME, Cursor
from gatewayctl.settings.fields import STACK_SECRETS

REFERENCE: Final = "os.environ/"
"""The prefix with which LiteLLM takes a value from its environment."""

_VALUE: Final = re.compile(
    r"\bsk-[A-Za-z0-9_\-]{16,}"
    r"|\b(AKIA|ASIA)[0-9A-Z]{16}\b"
    r"|\bgh[pousr]_[A-Za-z0-9]{20,}"
    r"|\bAIza[0-9A-Za-z_\-]{30,}"
    r"|\bxai-[A-Za-z0-9]{20,}|\bgsk_[A-Za-z0-9]{20,}|\bhf_[A-Za-z0-9]{20,}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----"
    r"|://[^/\s:@]*:[^/\s@]+@"
)
# Parameters of providers that are named like secrets but are not secret.
_HARMLESS: Final = {"cache_key", "prompt_cache_key"}
_PROVIDER: Final = "the provider"


def named_like_a_secret(name: str) -> bool:
    """True for ``aws_secret_access_key``, ``X-Api-Key``, ``password``, ``azure_ad_token``…"""
    plain = name.lower().replace("-", "_")
    if plain in _HARMLESS:
        return False
    token = "token" in plain and "tokens" not in plain and "tokenizer" not in plain
    key = plain in {"key", "apikey"} or plain.endswith("_key")
    words = ("secret", "password", "passwd", "authorization")
    return token or key or any(word in plain for word in words)


def looks_like_a_secret(text: str) -> bool:
    """True for a string with a key of a known form, or a URL with a password."""
    return _VALUE.search(text) is not None


def referenced_variables(setting: Cursor) -> set[str]:
    """The environment variables that ``os.environ/NAME`` in a value refers to."""
    if isinstance(setting.value, str) and setting.value.startswith(REFERENCE):
        return {setting.value.removeprefix(REFERENCE)}
    return {name for part in setting.parts() for name in referenced_variables(part)}


def refuse_secrets(setting: Cursor, *, reader: str = _PROVIDER) -> None:
    """Report every secret that is written out, and every reference that is not allowed.

    ``reader`` is who would receive the values of the references.
    """
    value = setting.value
    if isinstance(value, str):
        if value.startswith(REFERENCE):
            _check_reference(setting, value.removeprefix(REFERENCE), reader)
        elif looks_like_a_secret(value) or (
            named_like_a_secret(setting.name) and _may_be_secret(value)
        ):
            setting.add(
                f"{setting.path} contains a secret:"
                f" write {REFERENCE}NAME instead and put NAME into .env"
            )
    for part in setting.parts():
        refuse_secrets(part, reader=reader)
        # LiteLLM replaces references in mappings only, and would send the string itself.
        if isinstance(value, list) and str(part.value).startswith(REFERENCE):
            part.add(f"{part.path}: LiteLLM does not read {REFERENCE} inside a list")


def refuse_stack_secret(setting: Cursor, variable: str, *, reader: str = _PROVIDER) -> None:
    """Report a variable that would disclose a secret of the stack."""
    if variable in STACK_SECRETS:
        setting.add(
            f"{setting.path} must not use {variable}: it would send that secret to {reader}"
        )


def _check_reference(setting: Cursor, variable: str, reader: str) -> None:
    if not VARIABLE_NAME.fullmatch(variable):
        setting.add(f"{setting.path}: {REFERENCE} must be followed by the name of a variable")
    refuse_stack_secret(setting, variable, reader=reader)


def _may_be_secret(value: str) -> bool:
    """False for numbers, booleans and pointers to a secret."""
    if not value.strip() or value.lower() in {"true", "false", "none"}:
        return False
    try:
        float(value)
    except ValueError:
        return not value.startswith("oidc/")
    return False
