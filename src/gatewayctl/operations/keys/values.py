"""Where the value of a virtual key is found, and which variables may hold one.

Owns the precedence environment before .env for variables that settings do not know.
Must not know LiteLLM.
"""

from __future__ import annotations

import difflib
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
            f"{option} {name!r} is no name of an environment variable.",
            hint="Use letters, digits and underscores, such as MY_APP_API_KEY.",
        )
    providers = {model.api_key_env for model in settings.models}
    if name in RESERVED or name in providers or name.startswith("GATEWAYCTL_"):
        raise UsageProblem(
            f"{option} {name} is not for virtual keys: it holds something else.",
            hint="Name the variable of a virtual key, such as LITELLM_API_KEY.",
        )


def read_value(settings: Settings, name: str, environ: Mapping[str, str]) -> Secret | None:
    """What the variable holds, in the environment or else in .env; None if empty or unset."""
    known = settings.environment.get(name)
    if known is not None:
        return known
    if environ.get(name):
        return Secret(environ[name])
    return read_env_file_values(settings).get(name)


def read_env_file_values(settings: Settings) -> Mapping[str, Secret]:
    """Every variable of .env that is not empty; none where there is no .env yet."""
    try:
        found = read_env_file(settings.env_file)
    except EnvFileMissing:
        return {}
    return {name: Secret(entry.value) for name, entry in found.items() if entry.value}


def read_current_values(settings: Settings) -> Mapping[str, Secret]:
    """What the variables hold now, .env read afresh; the process's environment comes first."""
    outside = {
        name: secret
        for name, secret in settings.environment.items()
        if settings.source_of(name).name != ENV_FILE_NAME
    }
    return {**read_env_file_values(settings), **outside}


def require_virtual_key(
    settings: Settings, name: str | None, environ: Mapping[str, str]
) -> tuple[str, Secret]:
    """The variable and the virtual key in it; by default that of the first declared key.

    Raises EnvFileMissing where there is no .env, VirtualKeyMissing where it is empty, holds the
    master key, which no chat gets, or something that is no key: LiteLLM masks keys in its traces,
    but nothing else sent as one.
    """
    if name is not None:
        check_key_variable(settings, name, option="--key-env")
    elif settings.keys:
        name = settings.keys[0].env
    else:
        raise VirtualKeyMissing(
            "gateway.yaml declares no virtual key.",
            hint="Declare one under keys:, or name a variable with --key-env.",
        )
    key = read_value(settings, name, environ)
    if key is None and not settings.env_file.exists():
        raise EnvFileMissing(f"There is no {settings.env_file}, and {name} is not set.")
    if key is None:
        raise VirtualKeyMissing(f"{name} is set neither in {settings.env_file} nor outside.")
    if key == settings.secrets.master_key:
        raise VirtualKeyMissing(
            f"{name} holds the master key, which is never used to chat.",
            hint=f"Delete the line {name} and run `gatewayctl keys create`.",
        )
    if not is_plausible_key(key):
        raise VirtualKeyMissing(
            f"{name} holds no virtual key: it does not begin with sk-.",
            hint=f"Delete the line {name} and run `gatewayctl keys create`.",
        )
    return name, key


def is_plausible_key(secret: Secret) -> bool:
    """True for what may be sent as a key: LiteLLM hashes in its traces what begins with sk-."""
    return _KEY.fullmatch(secret.reveal()) is not None


def parse_pairs(texts: tuple[str, ...], *, option: str) -> dict[str, str]:
    """``K=V`` options as a mapping. Raises UsageProblem for any other shape."""
    found: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.strip() or not text.isprintable():
            raise UsageProblem(
                f"{option} {text!r} is not K=V.", hint=f"For example {option} team=search."
            )
        if name in found:
            raise UsageProblem(f"{option} gives {name!r} twice.")
        found[name] = value
    return found


def suggest_nearest(name: str, known: list[str]) -> str:
    """A hint: the closest of the known names, and all of them."""
    close = difflib.get_close_matches(name, known, n=1)
    offered = f"Did you mean {close[0]}? " if close else ""
    return f"{offered}Known: {', '.join(known) or 'none'}."
