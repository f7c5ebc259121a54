"""The ``keys:`` of gateway.yaml: virtual keys by alias, each with its variable in .env.

Owns the reading of one section, and the checks of keys against models. Must not know the
gateway, which makes the keys.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from gatewayctl.settings import reference, typed
from gatewayctl.settings.document import Node
from gatewayctl.settings.fields import RESERVED
from gatewayctl.settings.model import DEFAULT_SOURCE, DeclaredKey, Model, Source
from gatewayctl.settings.plain_secrets import refuse_secrets
from gatewayctl.settings.problems import Problems, quote, suggest

SETTINGS: Final = ("env", "models", "metadata", "duration")
# The units of LiteLLM's duration_in_seconds.
DURATION: Final = re.compile(r"[1-9][0-9]{0,6}(s|m|h|d|w|mo)")
_OWN_PREFIX: Final = "GATEWAYCTL_"


def parse_keys(node: Node | None, problems: Problems) -> tuple[DeclaredKey, ...]:
    """The declared keys, or those of the reference stack where none are declared."""
    if node is None or node.value is None:
        return reference.KEYS
    entries = typed.mapping(node, "keys", problems)
    read = [_key(alias, entry, problems) for alias, entry in entries.items()]
    return tuple(key for key in read if key is not None)


def check_keys(
    keys: Iterable[DeclaredKey],
    models: Iterable[Model],
    origins: Mapping[str, Source],
    problems: Problems,
) -> None:
    """Note keys that share a variable, and keys for models nobody declared.

    ``origins`` are the places of gateway.yaml by dotted name.
    """
    models = tuple(models)
    names = [model.name for model in models]
    taken = {model.api_key_env: f"the key of the provider of {model.name}" for model in models}
    for key in keys:
        what = f"keys.{key.alias}"
        if key.env in taken:
            place = _first(origins, f"{what}.env", what, "models")
            problems.add(place, f"{what}: {key.env} already holds {taken[key.env]}")
        taken.setdefault(key.env, f"the key {key.alias}")
        for name in key.models:
            if name not in names:
                place = _first(origins, f"{what}.models", what)
                problems.add(place, f"{what}.models: unknown model '{name}' {suggest(name, names)}")


def _first(origins: Mapping[str, Source], *names: str) -> Source:
    return next((origins[name] for name in names if name in origins), DEFAULT_SOURCE)


def _key(alias: str, node: Node, problems: Problems) -> DeclaredKey | None:
    what = f"keys.{alias}"
    typed.printable_name(alias, node, f"the key alias '{alias[:40]}'", problems)
    if ".." in alias:
        problems.add(node.named, f"{what}: LiteLLM refuses an alias with two dots in a row")
    # A text alone is the variable.
    parts = {"env": node} if isinstance(node.value, str) else typed.mapping(node, what, problems)
    typed.known_names(parts, SETTINGS, what, problems)
    env = _env(parts.get("env"), node, what, problems)
    models = parts.get("models")
    metadata = parts.get("metadata")
    if metadata is not None:
        refuse_secrets(metadata, f"{what}.metadata", problems)
    if env is None:
        return None
    return DeclaredKey(
        alias=alias,
        env=env,
        models=() if models is None else typed.texts(models, f"{what}.models", problems),
        metadata=MappingProxyType(
            {} if metadata is None else typed.data(metadata, f"{what}.metadata", problems)
        ),
        duration=_duration(parts.get("duration"), what, problems),
    )


def _env(node: Node | None, key: Node, what: str, problems: Problems) -> str | None:
    if node is None:
        # Anything but a mapping was noted already.
        if key.value is None or isinstance(key.value, dict):
            problems.add(
                key.named, f"{what} needs env:, the variable of .env for it, such as MY_APP_API_KEY"
            )
        return None
    name = typed.variable(node, f"{what}.env", problems)
    if name is not None and (name in RESERVED or name.startswith(_OWN_PREFIX)):
        problems.add(node.source, f"{what}.env: {name} is reserved, choose another name")
        return None
    return name


def _duration(node: Node | None, what: str, problems: Problems) -> str | None:
    if node is None or node.value is None:
        return None
    if isinstance(node.value, str) and DURATION.fullmatch(node.value):
        return node.value
    problems.add(
        node.source, f"{what}.duration must be like 12h, 30d or 6mo, not {quote(node.plain())}"
    )
    return None
