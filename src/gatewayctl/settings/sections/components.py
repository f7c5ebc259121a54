"""The ``components:`` of gateway.yaml: the parts of an application that call models.

Owns the reading of one section. Must not know how calls are tagged or traces found.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from gatewayctl.settings import reference
from gatewayctl.settings.cursor import Cursor
from gatewayctl.settings.fields import Setting
from gatewayctl.settings.model import Component, Operation
from gatewayctl.settings.plain_secrets import refuse_secrets

SETTINGS: Final = {
    "operations": Setting(
        "list of strings, or mapping",
        "",
        "What the component does: names, or a mapping from name to its settings.",
    ),
    "metadata": Setting("mapping", "", "Any data to send with every call of the component."),
}
OPERATION_SETTINGS: Final = {
    "model": Setting("string", "", "Model of the operation."),
    "prompt": Setting("string", "", "System message of the operation."),
    "offline_model": Setting("string", "", "Model to use instead of one that answers offline."),
}
# Also a part of LiteLLM's comma-separated tags and of Phoenix's `attribute=path:value`.
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._\-]{0,99}")
_RESERVED: Final = ("component", "operation")


def parse_components(section: Cursor) -> tuple[Component, ...]:
    """Read the declared components; those of the reference stack if none are declared."""
    if not section.is_set:
        return reference.COMPONENTS
    return tuple(_component(entry) for entry in section.mapping().values())


def _component(entry: Cursor) -> Component:
    _check_name(entry, "component name", entry.name)
    # A list alone is the operations.
    entry = entry.expand(list, "operations")
    entry.check_names(SETTINGS)
    operations = _operations(entry.child("operations"))
    return Component(
        name=entry.name,
        operations=tuple(operations),
        metadata=_metadata(entry.child("metadata")),
        declared=MappingProxyType(
            {name: operation for name, operation in operations.items() if operation != Operation()}
        ),
    )


def _operations(operations: Cursor) -> dict[str, Operation]:
    """Read the operations by name: a list of names, or a mapping with settings of each."""
    if isinstance(operations.value, dict):
        for entry in operations.parts():
            _check_name(entry, "operation", entry.name)
        return {entry.name: _operation(entry) for entry in operations.parts()}
    names = operations.strings()
    for name in names:
        _check_name(operations, "operation", name)
    return dict.fromkeys(names, Operation())


def _operation(entry: Cursor) -> Operation:
    entry.check_names(OPERATION_SETTINGS)
    refuse_secrets(entry)
    return Operation(**{name: entry.child(name).string() for name in OPERATION_SETTINGS})


def _metadata(metadata: Cursor) -> Mapping[str, Any]:
    refuse_secrets(metadata)
    for name in _RESERVED:
        if metadata.child(name).is_given:
            metadata.add_at_name(f"{metadata.path} must not set '{name}': gatewayctl sets it")
    return metadata.data()


def _check_name(place: Cursor, kind: str, name: str) -> None:
    if not _NAME.fullmatch(name):
        place.add_at_name(
            f"the {kind} '{name[:40]}' must contain only letters, digits, dots, hyphens"
            " and underscores"
        )
