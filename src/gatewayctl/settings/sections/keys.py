"""The ``keys:`` of gateway.yaml: virtual keys by alias, each with its variable in .env.

Owns the reading of one section, and the checks of keys against models. Must not know the
gateway, which creates the keys.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

from gatewayctl.settings import reference
from gatewayctl.settings.cursor import Cursor
from gatewayctl.settings.declared.keys import DeclaredKey, DeclaredOwner
from gatewayctl.settings.declared.limits import DURATION, KEY_LIMITS
from gatewayctl.settings.fields import RESERVED, Setting
from gatewayctl.settings.model import Model, Source
from gatewayctl.settings.plain_secrets import refuse_secrets
from gatewayctl.settings.problems import Problems, suggest
from gatewayctl.settings.sections.limits import (
    check_model_names,
    first_place,
    limit_settings,
    model_names,
    read_limits,
)

_OWNER: Final = "Name of a declared {0} that the key belongs to, with its budget and rates."
SETTINGS: Final = {
    "env": Setting(
        "environment variable",
        "required",
        "Variable in .env that `gatewayctl keys create` writes the key to.",
    ),
    "models": Setting(
        "list of strings",
        "all models",
        "Models that the key may use: names, patterns such as openai/*, access groups.",
    ),
    "duration": Setting("duration", "unlimited", "Lifetime of the key: 12h, 30d, 6mo."),
    "metadata": Setting("mapping", "", "Any data to store with the key and its spend."),
    "team": Setting("string", "", _OWNER.format("team")),
    "user": Setting("string", "", _OWNER.format("user")),
}
LIMIT_SETTINGS: Final = limit_settings(KEY_LIMITS)
_NOT_DECLARED: Final = {
    "key": "gatewayctl generates the key and writes it to .env",
    "key_alias": "the name of the entry is the alias",
    "key_type": "a key may call models only; allowed_routes restricts it further",
    "auto_rotate": "LiteLLM would change the key and not .env: use `gatewayctl keys rotate`",
    "rotation_interval": "LiteLLM would change the key and not .env: use `gatewayctl keys rotate`",
    "blocked": "block a key in LiteLLM, or delete it with `gatewayctl keys revoke`",
    "spend": "LiteLLM counts it",
    **dict.fromkeys(
        (
            "organization_id",
            "project_id",
            "agent_id",
            "budget_id",
            "end_user_budget_id",
            "object_permission",
            "access_group_ids",
            "config",
        ),
        "gateway.yaml cannot declare it; set it in LiteLLM, where `keys sync` leaves it",
    ),
}
"""Fields of LiteLLM that no entry may have, and why."""
_NO_CALLS: Final = frozenset({"management_routes", "info_routes", "admin_only_routes"})
"""Groups of routes with which a key could read or change other keys."""
_OWN_PREFIX: Final = "GATEWAYCTL_"


def parse_keys(section: Cursor) -> tuple[DeclaredKey, ...]:
    """Read the declared keys; those of the reference stack if none are declared."""
    if not section.is_set:
        return reference.KEYS
    read = [_key(entry) for entry in section.mapping().values()]
    return tuple(key for key in read if key is not None)


def check_keys(
    keys: Iterable[DeclaredKey],
    owners: Iterable[DeclaredOwner],
    models: Iterable[Model],
    origins: Mapping[str, Source],
    problems: Problems,
) -> None:
    """Report keys that share a variable, and keys for models that are not declared.

    ``owners`` are the declared teams and users, ``origins`` the places of gateway.yaml by dotted
    name.
    """
    models, declared = tuple(models), {(owner.kind, owner.name) for owner in owners}
    names = model_names(models)
    used = {model.api_key_env: f"the key of the provider of {model.name}" for model in models}
    for key in keys:
        path = f"keys.{key.alias}"
        if key.env in used:
            place = first_place(origins, f"{path}.env", path, "models")
            problems.add(place, f"{path}: {key.env} already holds {used[key.env]}")
        used.setdefault(key.env, f"the key {key.alias}")
        check_model_names(path, key, names, origins, problems)
        for kind, name in key.owners:
            if f"{path}.{kind}" in origins and (kind, name) not in declared:
                known = [each for of, each in declared if of == kind]
                problems.add(
                    origins[f"{path}.{kind}"],
                    f"{path}.{kind}: unknown {kind} '{name}' {suggest(name, known)};"
                    f" one that LiteLLM has already is {kind}_id: {name}",
                )


def _key(entry: Cursor) -> DeclaredKey | None:
    entry.check_printable_name("key alias")
    if ".." in entry.name:
        entry.add_at_name(f"{entry.path}: LiteLLM refuses an alias with two consecutive dots")
    # A string alone is the variable.
    entry = entry.expand(str, "env")
    entry.check_names({*SETTINGS, *LIMIT_SETTINGS, *_NOT_DECLARED})
    for name in _NOT_DECLARED:
        if entry.child(name).is_given:
            entry.child(name).add_at_name(f"{entry.path}.{name}: {_NOT_DECLARED[name]}")
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
        limits=_limits(entry),
    )


def _limits(entry: Cursor) -> Mapping[str, Any]:
    """The fields of LiteLLM; ``team`` and ``user`` are its ids of what is declared."""
    limits = dict(read_limits(entry, KEY_LIMITS))
    for route in _NO_CALLS.intersection(limits.get("allowed_routes") or ()):
        entry.child("allowed_routes").add(
            f"{entry.path}.allowed_routes: a virtual key must not get {route}, which lists keys"
        )
    for name in ("team", "user"):
        part = entry.child(name)
        if part.is_given:
            limits[f"{name}_id"] = part.string() if part.is_set else None
            if entry.child(f"{name}_id").is_given:
                part.add_at_name(f"{entry.path} has both {name} and {name}_id: keep one")
    return MappingProxyType(limits)


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
