"""Values of gateway.yaml as the types a setting wants, or a problem and None.

Owns the type checks. Must not know any one setting.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping
from typing import Any, Final

from gatewayctl.settings.document import Node
from gatewayctl.settings.problems import Problems, quote, suggest

VARIABLE_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_MAX_NAME: Final = 200


def mapping(node: Node, what: str, problems: Problems) -> Mapping[str, Node]:
    """The named parts of a value; nothing written counts as none."""
    if node.value is None or isinstance(node.value, dict):
        return node.children()
    problems.add(node.source, f"{what} must be a mapping, not {quote(node.plain())}")
    return {}


def known_names(
    nodes: Mapping[str, Node],
    known: Collection[str],
    within: str,
    problems: Problems,
    *,
    also: str = "",
) -> None:
    """Note every name that is no setting, with the nearest one that is.

    ``also`` is what else to say where none is near.
    """
    inside = f" in {within}" if within else ""
    for name, node in nodes.items():
        if name not in known:
            problems.add(
                node.named, f"unknown setting '{name}'{inside} {suggest(name, known)}{also}"
            )


def text(node: Node, what: str, problems: Problems) -> str | None:
    """A text that is not empty."""
    if isinstance(node.value, str) and node.value.strip():
        return node.value
    problems.add(node.source, f"{what} must be a text, not {quote(node.plain())}")
    return None


def texts(node: Node, what: str, problems: Problems) -> tuple[str, ...]:
    """A list of texts, none of them twice; one text alone counts as a list of one."""
    if node.value is None:
        return ()
    items = node.value if isinstance(node.value, list) else [node]
    found: list[str] = []
    for item in items:
        value = text(item, f"each of {what}", problems)
        if value in found:
            problems.add(item.source, f"'{value}' is given twice in {what}")
        elif value is not None:
            found.append(value)
    return tuple(found)


def whole(node: Node, what: str, problems: Problems) -> int | None:
    """A whole number, 0 or more."""
    value = node.value
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    problems.add(node.source, f"{what} must be a whole number from 0, not {quote(node.plain())}")
    return None


def seconds(node: Node, what: str, problems: Problems) -> float | None:
    """A time in seconds, above 0 and finite."""
    value = node.value
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if isinstance(value, int | float) and is_number and math.isfinite(value) and value > 0:
        return value
    problems.add(
        node.source, f"{what} must be a number of seconds above 0, not {quote(node.plain())}"
    )
    return None


def variable(node: Node, what: str, problems: Problems) -> str | None:
    """The name of an environment variable."""
    if isinstance(node.value, str) and VARIABLE_NAME.fullmatch(node.value):
        return node.value
    problems.add(
        node.source,
        f"{what} must be the name of an environment variable, not {quote(node.plain())}",
    )
    return None


def printable_name(name: str, node: Node, what: str, problems: Problems) -> bool:
    """True for a name that can be shown on a line and sent to LiteLLM."""
    if name == name.strip() and name.isprintable() and 0 < len(name) <= _MAX_NAME:
        return True
    problems.add(
        node.named, f"{what} must be printable, without blanks around it, up to {_MAX_NAME} long"
    )
    return False


def data(node: Node, what: str, problems: Problems) -> dict[str, Any]:
    """A mapping of anything that JSON can carry."""
    mapping(node, what, problems)
    finite(node, what, problems)
    plain = node.plain()
    return plain if isinstance(plain, dict) else {}


def finite(node: Node, what: str, problems: Problems) -> None:
    """Note numbers that JSON cannot carry."""
    if isinstance(node.value, float) and not math.isfinite(node.value):
        problems.add(node.source, f"{what} must not hold infinity or not-a-number")
    parts = node.value if isinstance(node.value, list) else node.children().values()
    for part in parts:
        finite(part, what, problems)
