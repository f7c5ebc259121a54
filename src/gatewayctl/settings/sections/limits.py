"""LiteLLM's fields of a key, a team or a user, as gateway.yaml declares them.

Owns the reading of their values, and the names of models that they refer to. Must not know which
section they are in.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Any, Final

from gatewayctl.settings.cursor import Cursor
from gatewayctl.settings.declared.keys import DeclaredKey, DeclaredOwner
from gatewayctl.settings.declared.limits import ALLOCATIONS, DURATION, ROLES, Kind, Limit
from gatewayctl.settings.fields import Setting
from gatewayctl.settings.model import DEFAULT_SOURCE, Model, Source
from gatewayctl.settings.plain_secrets import refuse_secrets
from gatewayctl.settings.problems import Problems, suggest

_TYPES: Final[Mapping[Kind, str]] = {
    "dollars": "US dollars",
    "count": "non-negative integer",
    "duration": "duration",
    "string": "string",
    "strings": "list of strings",
    "strings_by_name": "mapping to lists of strings",
    "counts": "mapping to integers",
    "aliases": "mapping of strings",
    "flag": "true or false",
    "mapping": "mapping",
    "windows": "list of mappings",
    "allocation": ", ".join(f"`{each}`" for each in ALLOCATIONS),
    "role": "role",
}
_GROUPS: Final = frozenset({"all-team-models", "all-proxy-models", "no-default-models"})
"""Names with which LiteLLM means models."""


def limit_settings(table: Mapping[str, Limit]) -> dict[str, Setting]:
    """The rows of the settings reference."""
    return {
        name: Setting(
            _TYPES[limit.kind],
            "",
            f"{limit.help} Needs LiteLLM's Enterprise license." if limit.licensed else limit.help,
        )
        for name, limit in table.items()
    }


def read_limits(entry: Cursor, table: Mapping[str, Limit]) -> Mapping[str, Any]:
    """Read the fields that are given; null declares that there is none."""
    found: dict[str, Any] = {}
    for name, limit in table.items():
        part = entry.child(name)
        if part.is_given:
            refuse_secrets(part)
            found[name] = _READERS[limit.kind](part) if part.is_set else None
            if limit.store == "metadata" and entry.child("metadata").child(name).is_given:
                part.add_at_name(f"{part.path} is given twice, here and in metadata")
    soft, hard = found.get("soft_budget"), found.get("max_budget")
    if soft is not None and hard is not None and soft >= hard:
        entry.child("soft_budget").add(
            f"{entry.path}.soft_budget must be below max_budget, {hard:g}: LiteLLM refuses it"
        )
    return MappingProxyType(found)


def check_model_names(
    path: str,
    declared: DeclaredKey | DeclaredOwner,
    names: tuple[str, ...],
    origins: Mapping[str, Source],
    problems: Problems,
) -> None:
    """Report models that are not among ``names``, in every field that refers to some.

    ``path`` is the place of the key, team or user in gateway.yaml; ``origins`` are all places.
    """
    limits = declared.limits
    aliases = [
        (f"{path}.{field}.{alias}", model)
        for field in ("aliases", "model_aliases")
        for alias, model in (limits.get(field) or {}).items()
    ]
    rates = [
        (f"{path}.{field}.{model}", model)
        for field in ("model_rpm_limit", "model_tpm_limit")
        for model in limits.get(field) or ()
    ]
    own = tuple(limits.get("aliases") or ())
    for place, name in (*((f"{path}.models", name) for name in declared.models), *aliases, *rates):
        if not is_known_model(name, (*names, *own)):
            shown = place.removesuffix(f".{name}")
            source = first_place(origins, place, shown, path)
            problems.add(source, f"{shown}: unknown model '{name}' {suggest(name, names)}")


def first_place(origins: Mapping[str, Source], *names: str) -> Source:
    """The place of the first of these names that gateway.yaml has."""
    return next((origins[name] for name in names if name in origins), DEFAULT_SOURCE)


def model_names(models: Iterable[Model]) -> tuple[str, ...]:
    """The names by which a key can be allowed to use models: theirs, and their access groups."""
    return tuple(dict.fromkeys(_model_names(models)))


def _model_names(models: Iterable[Model]) -> Iterator[str]:
    for model in models:
        yield model.name
        groups = model.model_info.get("access_groups")
        yield from map(str, groups if isinstance(groups, list | tuple) else ())


def is_known_model(name: str, names: Iterable[str]) -> bool:
    """True for a declared name, one that a pattern covers, a pattern, and LiteLLM's own groups.

    A pattern such as ``openai/*`` is not refused: LiteLLM's database may have models that match it.
    """
    is_covered = any(fnmatchcase(name, each) for each in names if "*" in each)
    return name in names or name in _GROUPS or "*" in name or is_covered


def _dollars(part: Cursor) -> float | None:
    value = part.value
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf:
        return value
    part.refuse("an amount in US dollars, 0 or more")
    return None


def _duration(part: Cursor) -> str | None:
    if isinstance(part.value, str) and DURATION.fullmatch(part.value):
        return part.value
    part.refuse("a number and a unit, such as 12h, 30d or 1mo")
    return None


def _flag(part: Cursor) -> bool | None:
    if isinstance(part.value, bool):
        return part.value
    part.refuse("true or false")
    return None


def _one_of(choices: tuple[str, ...]) -> Callable[[Cursor], str | None]:
    def read(part: Cursor) -> str | None:
        if part.value in choices:
            return str(part.value)
        part.refuse(f"one of {', '.join(choices)}")
        return None

    return read


def _by_name(read: Callable[[Cursor], Any]) -> Callable[[Cursor], Mapping[str, Any]]:
    def read_mapping(part: Cursor) -> Mapping[str, Any]:
        return MappingProxyType({name: read(each) for name, each in part.mapping().items()})

    return read_mapping


def _windows(part: Cursor) -> tuple[Mapping[str, Any], ...]:
    if not isinstance(part.value, list):
        part.refuse("a list of mappings with budget_duration and max_budget")
        return ()
    found = []
    for window in part.parts():
        window.check_names(("budget_duration", "max_budget"))
        values = {
            "budget_duration": _duration(window.child("budget_duration")),
            "max_budget": _dollars(window.child("max_budget")),
        }
        if isinstance(window.value, dict) and any(name not in window.value for name in values):
            window.add(f"{window.path} needs budget_duration: and max_budget:")
        found.append(MappingProxyType(values))
    return tuple(found)


_READERS: Final[Mapping[Kind, Callable[[Cursor], Any]]] = {
    "dollars": _dollars,
    "count": Cursor.non_negative_integer,
    "duration": _duration,
    "string": Cursor.string,
    "strings": Cursor.strings,
    "strings_by_name": _by_name(Cursor.strings),
    "counts": _by_name(Cursor.non_negative_integer),
    "aliases": _by_name(Cursor.string),
    "flag": _flag,
    "mapping": Cursor.data,
    "windows": _windows,
    "allocation": _one_of(ALLOCATIONS),
    "role": _one_of(ROLES),
}
