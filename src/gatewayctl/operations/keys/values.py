"""Where the value of a virtual key is found, and which variables may hold one.

Owns the precedence of the environment over .env for variables that settings do not know.
Must not know LiteLLM.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from gatewayctl.env_file.read import read_env_file
from gatewayctl.errors import EnvFileMissing, UsageProblem, VirtualKeyMissing
from gatewayctl.settings.fields import RESERVED
from gatewayctl.settings.model import Secret, Settings
from gatewayctl.settings.sources import ENV_FILE_NAME

_KEY: Final = re.compile(r"sk-[!-~]+")
_ENV_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def check_key_variable(settings: Settings, name: str, *, option: str) -> None:
    """Raise UsageProblem for a variable that cannot or must not hold a virtual key."""
    if not _ENV_NAME.fullmatch(name):
        raise UsageProblem(
            f"Invalid {option} {name!r}: expected the name of an environment variable.",
            hint="Use letters, digits and underscores, such as MY_APP_API_KEY.",
        )
    providers = {model.api_key_env for model in settings.models}
    if name in RESERVED or name in providers or name.startswith("GATEWAYCTL_"):
        raise UsageProblem(
            f"Invalid {option} {name}: this variable is not for virtual keys.",
            hint="Choose the variable of a virtual key, such as LITELLM_API_KEY.",
        )


def read_env_file_values(settings: Settings) -> Mapping[str, Secret]:
    """Read every variable of .env that is not empty; none if there is no .env yet."""
    try:
        found = read_env_file(settings.env_file)
    except EnvFileMissing:
        return {}
    return {name: Secret(entry.value) for name, entry in found.items() if entry.value}


def read_current_values(settings: Settings) -> Mapping[str, Secret]:
    """Read the current values of .env, overridden by those of the process environment."""
    overrides = {
        name: secret
        for name, secret in settings.environment.items()
        if settings.source_of(name).name != ENV_FILE_NAME
    }
    return {**read_env_file_values(settings), **overrides}


def require_virtual_key(
    settings: Settings, name: str | None, environ: Mapping[str, str]
) -> tuple[str, Secret]:
    """Find a variable and its virtual key; the default is the first declared key.

    Raises EnvFileMissing if there is no .env, and VirtualKeyMissing if the variable is empty or
    holds the master key or no key at all: LiteLLM masks only keys in its traces.
    """
    if name is not None:
        check_key_variable(settings, name, option="--key-env")
    elif settings.keys:
        name = settings.keys[0].env
    else:
        raise VirtualKeyMissing(
            "gateway.yaml declares no virtual key.",
            hint="Declare one under keys:, or choose a variable with --key-env.",
        )
    key = _read_value(settings, name, environ)
    if key is None and not settings.env_file.exists():
        raise EnvFileMissing(f"There is no {settings.env_file}, and {name} is not set.")
    if key is None:
        raise VirtualKeyMissing(f"{name} is not set in {settings.env_file} or the environment.")
    again = f"Delete the line {name} and run `gatewayctl keys create`."
    if key == settings.secrets.master_key:
        raise VirtualKeyMissing(
            f"{name} holds the master key, which is never used to chat.", hint=again
        )
    if not is_plausible_key(key):
        why = "does not start with sk-, or has characters that no key has"
        raise VirtualKeyMissing(f"{name} does not hold a virtual key: it {why}.", hint=again)
    return name, key


def _read_value(settings: Settings, name: str, environ: Mapping[str, str]) -> Secret | None:
    known = settings.environment.get(name)
    if known is not None:
        return known
    if environ.get(name):
        return Secret(environ[name])
    return read_env_file_values(settings).get(name)


def is_plausible_key(secret: Secret) -> bool:
    """True for a value that may be sent as a key: LiteLLM masks what starts with sk-."""
    return _KEY.fullmatch(secret.reveal()) is not None
