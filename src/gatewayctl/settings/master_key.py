"""The master key as verbs need it: there, and one LiteLLM starts with.

Owns the rule. Must not know where a value goes.
"""

from __future__ import annotations

from typing import Final

from gatewayctl.errors import EnvFileMissing, MasterKeyMissing, MasterKeyWeak
from gatewayctl.settings.model import Secret, Settings

NAME: Final = "LITELLM_MASTER_KEY"
_SHORTEST: Final = 16
# LiteLLM refuses to start with the one its documentation used for years (LiteLLM #42019).
_KNOWN: Final = "sk-1234"


def require_master_key(settings: Settings) -> Secret:
    """The master key of the project.

    Raises EnvFileMissing where there is neither a key nor a .env, MasterKeyMissing where
    no layer sets it, MasterKeyWeak where LiteLLM would refuse it or anybody could guess it;
    the message names where the key came from, never the key.
    """
    key = settings.secrets.master_key
    if key is None and not settings.env_file.exists():
        raise EnvFileMissing(f"There is no {settings.env_file}, and {NAME} is not set.")
    if key is None:
        raise MasterKeyMissing(f"{NAME} is set neither in {settings.env_file} nor outside.")
    weakness = _weakness(key.reveal())
    if weakness:
        source = settings.source_of(NAME)
        raise MasterKeyWeak(f"{NAME} ({source}) {weakness}.")
    return key


def _weakness(value: str) -> str:
    if value.startswith(_KNOWN) and value.removeprefix(_KNOWN).strip("567890") == "":
        return "is a key everybody knows"
    if not value.startswith("sk-"):
        return "does not begin with sk-, so LiteLLM would refuse it"
    if len(value) < _SHORTEST:
        return f"is shorter than {_SHORTEST} characters"
    return ""
