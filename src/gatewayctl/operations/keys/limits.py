"""Declared fields of LiteLLM against those that a key, a team or a user has.

gatewayctl changes a field that gateway.yaml declares, or declared when it was last written: the
metadata has the names of those. Limits that were set in LiteLLM only stay. Owns that
rule and the words of a difference. Pure: must not call a service.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, Protocol

from gatewayctl.settings.declared.limits import Limit, as_sent, in_metadata, simplify

FIELDS_METADATA: Final = "gatewayctl_fields"
"""The fields that gateway.yaml declared when they were last written."""


class Declared(Protocol):
    """A declared key, team or user."""

    @property
    def metadata(self) -> Mapping[str, Any]: ...
    @property
    def limits(self) -> Mapping[str, Any]: ...


class Found(Protocol):
    """What LiteLLM has of it."""

    @property
    def metadata(self) -> Mapping[str, Any]: ...
    @property
    def limits(self) -> Mapping[str, Any]: ...


Table = Mapping[str, Limit]


def managed_fields(metadata: Mapping[str, Any]) -> frozenset[str]:
    """The fields that were declared when this metadata was written."""
    names = metadata.get(FIELDS_METADATA)
    return frozenset(str(name) for name in names) if isinstance(names, list) else frozenset()


def limits_metadata(table: Table, declared: Declared) -> dict[str, Any]:
    """What the declared fields add to the metadata: those stored there, and the names of all."""
    names = sorted(declared.limits)
    return in_metadata(table, declared.limits) | ({FIELDS_METADATA: names} if names else {})


def find_limit_differences(table: Table, declared: Declared, found: Found) -> tuple[str, ...]:
    """List fields that differ, such as ``max_budget: 7 → 5``; ``-`` is an absent one."""
    before = managed_fields(found.metadata)
    changes = []
    for name, has, wanted in _compare_fields(table, declared, found):
        if has != wanted:
            label = table[name].label or name
            changes.append(f"{label}: {format_value(has)} → {format_value(wanted)}")
    if not changes and before != frozenset(declared.limits):
        added = ", ".join(sorted(before ^ frozenset(declared.limits)))
        changes.append(f"declared fields: {added}")
    return tuple(changes)


def find_undeclared(table: Table, declared: Declared | None, found: Found) -> tuple[str, ...]:
    """List fields that are set in LiteLLM and are not declared, such as ``rpm_limit: 10``."""
    managed = managed_fields(found.metadata)
    known = managed if declared is None else managed.union(declared.limits, declared.metadata)
    return tuple(
        f"{limit.label or name}: {format_value(value)}"
        for name, limit in table.items()
        # LiteLLM has defaults for the members of a team.
        if name not in known
        and limit.store != "member"
        and (value := _value(table, found, name)) is not None
    )


def changed_limits(table: Table, declared: Declared, found: Found) -> dict[str, Any]:
    """The fields of a request that makes LiteLLM what is declared."""
    different = {
        name: wanted
        for name, has, wanted in _compare_fields(table, declared, found)
        if has != wanted
    }  # fmt: skip
    return as_sent(table, {name: declared.limits.get(name) for name in different})


def wanted_limits(table: Table, declared: Declared, found: Found | None) -> dict[str, Any]:
    """The fields to create it with: as declared, and what was set in LiteLLM on ``found``."""
    managed = managed_fields(found.metadata) if found else frozenset()
    kept = {n: v for n, v in found.limits.items() if n not in managed} if found else {}
    wanted = {name: value for name, value in declared.limits.items() if value is not None}
    absent = {name for name, value in declared.limits.items() if value is None}
    return as_sent(table, {n: v for n, v in {**kept, **wanted}.items() if n not in absent})


def inherited_fields(table: Table, found: Found) -> dict[str, Any]:
    """The fields that were declared, for a key that takes the place of one not declared now."""
    managed = managed_fields(found.metadata)
    return {name: _value(table, found, name) for name in table if name in managed}


def _compare_fields(
    table: Table, declared: Declared, found: Found
) -> tuple[tuple[str, Any, Any], ...]:
    """Each field to compare, with what LiteLLM has and what is declared."""
    names = managed_fields(found.metadata).union(declared.limits)
    return tuple(
        (name, _value(table, found, name), simplify(table[name], declared.limits.get(name)))
        for name in table
        if name in names
    )


def _value(table: Table, found: Found, name: str) -> Any:
    held = found.metadata if table[name].store == "metadata" else found.limits
    return simplify(table[name], held.get(name))


def format_value(value: Any) -> str:
    """A value as a difference shows it, on one line."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return ", ".join(value)
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)
