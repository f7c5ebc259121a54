"""The ``components:`` of gateway.yaml: the parts of an application that call models.

Owns the reading of one section. Must not know how calls are tagged or traces found.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import Final

from gatewayctl.settings import reference, typed
from gatewayctl.settings.document import Node
from gatewayctl.settings.model import Component, Operation
from gatewayctl.settings.plain_secrets import refuse_secrets
from gatewayctl.settings.problems import Problems

SETTINGS: Final = ("operations", "metadata")
OPERATION_SETTINGS: Final = ("model", "prompt", "offline_model")
# Also a part of LiteLLM's comma-separated tags and of Phoenix's `attribute=path:value`.
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._\-]{0,99}")
_OURS: Final = ("component", "operation")


def parse_components(node: Node | None, problems: Problems) -> tuple[Component, ...]:
    """The declared components, or those of the reference stack where none are declared."""
    if node is None or node.value is None:
        return reference.COMPONENTS
    entries = typed.mapping(node, "components", problems)
    return tuple(_component(name, entry, problems) for name, entry in entries.items())


def _component(component: str, node: Node, problems: Problems) -> Component:
    what = f"components.{component}"
    _check_name(component, f"the component name '{component[:40]}'", node, problems)
    # A list alone is the operations.
    only_operations = isinstance(node.value, list)
    parts = {"operations": node} if only_operations else typed.mapping(node, what, problems)
    typed.known_names(parts, SETTINGS, what, problems)
    declared = _operations(parts.get("operations"), f"{what}.operations", problems)
    return Component(
        name=component,
        operations=tuple(declared),
        metadata=MappingProxyType(_metadata(parts.get("metadata"), what, problems)),
        declared=MappingProxyType(
            {name: operation for name, operation in declared.items() if operation != Operation()}
        ),
    )


def _operations(node: Node | None, what: str, problems: Problems) -> dict[str, Operation]:
    """The operations by name: a list of names, or a mapping that says more of each."""
    if node is None:
        return {}
    if not isinstance(node.value, dict):
        found = dict.fromkeys(typed.texts(node, what, problems), Operation())
        for name in found:
            _check_name(name, f"the operation '{name[:40]}'", node, problems)
        return found
    for name, entry in node.children().items():
        _check_name(name, f"the operation '{name[:40]}'", entry, problems)
    return {
        name: _operation(entry, f"{what}.{name}", problems)
        for name, entry in node.children().items()
    }


def _operation(node: Node, what: str, problems: Problems) -> Operation:
    parts = typed.mapping(node, what, problems)
    typed.known_names(parts, OPERATION_SETTINGS, what, problems)
    refuse_secrets(node, what, problems)
    return Operation(
        **{
            name: typed.text(part, f"{what}.{name}", problems)
            for name, part in parts.items()
            if name in OPERATION_SETTINGS
        }
    )


def _metadata(node: Node | None, what: str, problems: Problems) -> dict[str, object]:
    if node is None:
        return {}
    refuse_secrets(node, f"{what}.metadata", problems)
    for name in _OURS:
        if name in node.children():
            problems.add(node.named, f"{what}.metadata must not set '{name}': gatewayctl does")
    return typed.data(node, f"{what}.metadata", problems)


def _check_name(name: str, what: str, node: Node, problems: Problems) -> None:
    if not _NAME.fullmatch(name):
        problems.add(
            node.named, f"{what} may hold letters, digits, dots, hyphens and underscores only"
        )
