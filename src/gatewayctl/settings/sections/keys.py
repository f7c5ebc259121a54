"""The ``keys:`` of gateway.yaml: virtual keys by alias, each with its variable in .env.

Owns the reading of one section, and the checks of keys against models. Must not know the
gateway, which creates the keys.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from gatewayctl.settings import reference
from gatewayctl.settings.cursor import Cursor
from gatewayctl.settings.declared_keys import DeclaredKey
from gatewayctl.settings.fields import RESERVED, Setting
from gatewayctl.settings.model import DEFAULT_SOURCE, Model, Source
from gatewayctl.settings.plain_secrets import refuse_secrets
from gatewayctl.settings.problems import Problems, suggest

SETTINGS: Final = {
    "env": Setting(
        "environment variable",
        "required",
        "Variable in .env that `gatewayctl keys create` writes the key to.",
    ),
    "models": Setting("list of strings", "all models", "Models that the key may use."),
    "duration": Setting("duration", "unlimited", "Lifetime of the key: 12h, 30d, 6mo."),
    "metadata": Setting("mapping", "", "Any data to store with the key and its spend."),
}
# The units of LiteLLM's duration_in_seconds.
DURATION: Final = re.compile(r"[1-9][0-9]{0,6}(s|m|h|d|w|mo)")
_OWN_PREFIX: Final = "GATEWAYCTL_"


def parse_keys(section: Cursor) -> tuple[DeclaredKey, ...]:
    """Read the declared keys; those of the reference stack if none are declared."""
    if not section.is_set:
        return reference.KEYS
    read = [_key(entry) for entry in section.mapping().values()]
    return tuple(key for key in read if key is not None)


def check_keys(
    keys: Iterable[DeclaredKey],
    models: Iterable[Model],
    origins: Mapping[str, Source],
    problems: Problems,
) -> None:
    """Report keys that share a variable, and keys for models that are not declared.

    ``origins`` are the places of gateway.yaml by dotted name.
    """
    models = tuple(models)
    names = [model.name for model in models]
    used = {model.api_key_env: f"the key of the provider of {model.name}" for model in models}
    for key in keys:
        path = f"keys.{key.alias}"
        if key.env in used:
            place = _first(origins, f"{path}.env", path, "models")
            problems.add(place, f"{path}: {key.env} already holds {used[key.env]}")
        used.setdefault(key.env, f"the key {key.alias}")
        for name in key.models:
            if name not in names:
                place = _first(origins, f"{path}.models", path)
                problems.add(place, f"{path}.models: unknown model '{name}' {suggest(name, names)}")


def _first(origins: Mapping[str, Source], *names: str) -> Source:
    return next((origins[name] for name in names if name in origins), DEFAULT_SOURCE)


def _key(entry: Cursor) -> DeclaredKey | None:
    entry.check_printable_name("key alias")
    if ".." in entry.name:
        entry.add_at_name(f"{entry.path}: LiteLLM refuses an alias with two consecutive dots")
    # A string alone is the variable.
    entry = entry.expand(str, "env")
    entry.check_names(SETTINGS)
    env = _env(entry)
    metadata = entry.child("metadata")
    refuse_secrets(metadata)
    if env is None:
        return None
    return DeclaredKey(
        alias=entry.name,
        env=env,
        models=entry.child("models").strings(),
        metadata=metadata.data(),
        duration=_duration(entry.child("duration")),
    )


def _env(entry: Cursor) -> str | None:
    env = entry.child("env")
    # Anything but a mapping is reported already.
    if not env.is_given and isinstance(entry.value, dict | None):
        entry.add_at_name(f"{entry.path} needs env:, its variable in .env, such as MY_APP_API_KEY")
    name = env.variable()
    if name is not None and (name in RESERVED or name.startswith(_OWN_PREFIX)):
        env.add(f"{env.path}: {name} is reserved, choose another name")
        return None
    return name


def _duration(duration: Cursor) -> str | None:
    value = duration.value
    if value is None or (isinstance(value, str) and DURATION.fullmatch(value)):
        return value
    duration.refuse("a number and a unit, such as 12h, 30d or 6mo")
    return None
