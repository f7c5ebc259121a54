"""The ``components:`` of gateway.yaml: the parts of an application that call models.

Owns the reading of one section. Must not know how calls are tagged or traces found.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import Final

from gatewayctl.settings import reference, typed
from gatewayctl.settings.document import Node
from gatewayctl.settings.model import Component
from gatewayctl.settings.plain_secrets import refuse_secrets
from gatewayctl.settings.problems import Problems

SETTINGS: Final = ("operations", "metadata")
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
    operations: tuple[str, ...] = ()
    if "operations" in parts:
        operations = typed.texts(parts["operations"], f"{what}.operations", problems)
        for name in operations:
            _check_name(name, f"the operation '{name[:40]}'", parts["operations"], problems)
    return Component(
        name=component,
        operations=operations,
        metadata=MappingProxyType(_metadata(parts.get("metadata"), what, problems)),
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
