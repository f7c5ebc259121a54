"""Require a master key that LiteLLM accepts.

Owns the rule. Must not know where a value goes.
"""

from __future__ import annotations

import re
from typing import Final

from gatewayctl.errors import EnvFileMissing, MasterKeyMissing, MasterKeyWeak
from gatewayctl.settings.model import Secret, Settings
from gatewayctl.settings.overrides import advise_unset, find_overrides, overridden

NAME: Final = "LITELLM_MASTER_KEY"
_MIN_LENGTH: Final = 16
# What an HTTP header can carry.
_SENDABLE: Final = re.compile(r"[!-~]+")
# LiteLLM refuses to start with the key of its own documentation (LiteLLM #42019).
_DOCUMENTED: Final = "sk-1234"


def require_master_key(settings: Settings) -> Secret:
    """Return the master key of the project.

    Raises EnvFileMissing if there is neither a key nor a .env, MasterKeyMissing if no layer
    sets it, SecretOverridden if the environment has another one than .env, MasterKeyWeak if
    LiteLLM would refuse it or it is easy to guess. The message names the source of the key,
    never the key.
    """
    key = settings.secrets.master_key
    if key is None and settings.is_external:
        raise MasterKeyMissing(
            f"{NAME} is neither in {settings.env_file} nor in the environment.",
            hint=f"Put the master key of {settings.gateway_url}, or another key of an admin, into"
            f" .env as {NAME}; gatewayctl generates none for a gateway that others operate.",
        )
    if key is None and not settings.env_file.exists():
        raise EnvFileMissing(f"There is no {settings.env_file}, and {NAME} is not set.")
    if key is None:
        raise MasterKeyMissing(f"{NAME} is neither in {settings.env_file} nor in the environment.")
    if settings.is_external:
        return _require_sendable(key, settings)
    if lines := find_overrides(settings, (NAME,)):
        raise overridden(lines)
    weakness = explain_weakness(key.reveal())
    if weakness:
        source = settings.source_of(NAME)
        unset = f"{advise_unset(NAME)} Without one in .env, `gatewayctl up` generates it."
        hint = unset if source.is_environment else None
        raise MasterKeyWeak(f"{NAME} ({source}) {weakness}.", hint=hint)
    return key


def _require_sendable(key: Secret, settings: Settings) -> Secret:
    """The key of a gateway of others, which they chose; it only has to fit into a header."""
    if not _SENDABLE.fullmatch(key.reveal()):
        source = settings.source_of(NAME)
        raise MasterKeyWeak(
            f"{NAME} ({source}) contains a blank, or a character that is not ASCII.",
            hint="Put the key into .env as the gateway's owner gave it.",
        )
    return key


def explain_weakness(value: str) -> str:
    """Why LiteLLM would refuse a master key or others guess it; empty if it is good."""
    if value.startswith(_DOCUMENTED) and value.removeprefix(_DOCUMENTED).strip("567890") == "":
        return "is a publicly known key"
    if not value.startswith("sk-"):
        return "does not start with sk-, so LiteLLM would refuse it"
    if len(value) < _MIN_LENGTH:
        return f"is shorter than {_MIN_LENGTH} characters"
    if not _SENDABLE.fullmatch(value):
        return "contains a blank, or a character that is not ASCII"
    return ""
