"""Where the value of a virtual key is found, and which variables may hold one.

Owns where `keys` looks (.env, then the environment) and where an application does (the reverse).
Must not know LiteLLM.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from gatewayctl.env_file.read import read_env_file
from gatewayctl.errors import EnvFileMissing, UsageProblem, VirtualKeyMissing
from gatewayctl.settings.fields import RESERVED
from gatewayctl.settings.model import ENVIRONMENT, Secret, Settings, Source
from gatewayctl.settings.overrides import advise_unset
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
    """Read the values of .env, and those of the process environment that .env lacks."""
    outside = {
        name: secret
        for name, secret in settings.environment.items()
        if settings.source_of(name).is_environment
    }
    return {**outside, **read_env_file_values(settings)}


def require_virtual_key(
    settings: Settings, name: str | None, environ: Mapping[str, str]
) -> tuple[str, Secret, Source]:
    """Find a variable, its virtual key and its source; the default is the first declared key.

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
    found = _find_value(settings, name, environ)
    if found is None and not settings.env_file.exists():
        raise EnvFileMissing(f"There is no {settings.env_file}, and {name} is not set.")
    if found is None:
        raise VirtualKeyMissing(f"{name} is not set in {settings.env_file} or the environment.")
    key, source = found
    again = f"Delete the line {name} and run `gatewayctl keys create`."
    if source.is_environment:
        again = advise_unset(name)
    if key == settings.secrets.master_key:
        raise VirtualKeyMissing(
            f"{name} ({source}) holds the master key, which is never used to chat.", hint=again
        )
    if not is_plausible_key(key):
        why = "does not start with sk-, or has characters that no key has"
        message = f"{name} ({source}) does not hold a virtual key: it {why}."
        raise VirtualKeyMissing(message, hint=again)
    return name, key, source


def _find_value(
    settings: Settings, name: str, environ: Mapping[str, str]
) -> tuple[Secret, Source] | None:
    known = settings.environment.get(name)
    if known is not None:
        return known, settings.source_of(name)
    if environ.get(name):
        return Secret(environ[name]), Source(name=f"{ENVIRONMENT}{name}")
    stored = read_env_file_values(settings).get(name)
    return None if stored is None else (stored, Source(name=ENV_FILE_NAME))


def is_plausible_key(secret: Secret) -> bool:
    """True for a value that may be sent as a key: LiteLLM masks what starts with sk-."""
    return _KEY.fullmatch(secret.reveal()) is not None
