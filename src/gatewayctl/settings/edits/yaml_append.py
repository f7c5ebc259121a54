"""Add to a YAML file in place and keep every other byte: items of a list, settings of a mapping.

Serializing the document again would lose comments and order. So the position is found by parsing,
lines are inserted there, and parsing the result checks that nothing else changed. Must not know
files, nor what a setting means.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import yaml

from gatewayctl.errors import SettingsProblem
from gatewayctl.settings.document import NOT_BUILT
from gatewayctl.settings.edits.lines import append, find_pair, insert_after_line

_DEEPER: Final = "  "


@dataclass(frozen=True, slots=True, kw_only=True)
class Addition:
    """A value, and its YAML in lines at indent 0."""

    value: Any
    text: str


def with_items(text: str, section: str, items: Sequence[Addition], *, under: str = "") -> str:
    """Append items to the list of a section.

    ``under`` is the mapping that contains the section, the document if it is empty. Raises
    SettingsProblem if that would need more changes.
    """

    def extend(sections: dict[str, Any]) -> None:
        sections[section] = [*(sections.get(section) or []), *(item.value for item in items)]

    return _insert(text, under, section, [_as_item(item.text) for item in items], extend)


def with_names(text: str, section: str, values: Mapping[str, Addition], *, under: str = "") -> str:
    """Set new names in the mapping of a section; the text of each is ``name: value``.

    Without a section they are set in the document itself. Raises SettingsProblem if that would need
    more changes.
    """

    def extend(sections: dict[str, Any]) -> None:
        new = {name: each.value for name, each in values.items()}
        if not section:
            sections.update(new)
        else:
            sections[section] = {**(sections.get(section) or {}), **new}

    return _insert(text, under, section, [each.text for each in values.values()], extend)


def _as_item(block: str) -> str:
    return "- " + block.replace("\n", f"\n{_DEEPER}")


def _insert(
    text: str,
    under: str,
    section: str,
    blocks: Sequence[str],
    extend: Callable[[dict[str, Any]], None],
) -> str:
    """Insert the lines, and check that the document is then the old one, extended."""
    changed = _insert_lines(text, under, section, blocks)
    with suppress(yaml.YAMLError, *NOT_BUILT):
        expected = yaml.safe_load(text) or {}
        extend(expected.setdefault(under, {}) if under else expected)
        if changed is not None and yaml.safe_load(changed) == expected:
            return changed
    raise SettingsProblem(
        f"{section or 'The file'} cannot be extended without changing other lines.",
        hint=f"Add it yourself{f', under {section}' if section else ''}:\n" + "\n".join(blocks),
    )


def _insert_lines(text: str, under: str, section: str, blocks: Sequence[str]) -> str | None:
    """Return the new text; None where the place is written in another style."""
    try:
        parent = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError):
        return None
    if under:
        found = find_pair(parent, under)
        parent = None if found is None else found[1]
        if not isinstance(parent, yaml.MappingNode) or parent.flow_style or not parent.value:
            return None
    if not section:
        return append(text, _indent(blocks, ""))
    pair = find_pair(parent, section)
    if pair is not None:
        return _extend_section(text, *pair, blocks)
    indent = " " * parent.start_mark.column if under and parent is not None else ""
    lines = [f"{indent}{section}:", *_indent(blocks, indent + _DEEPER)]
    return _append(text, parent if under else None, lines)


def _extend_section(
    text: str, key: yaml.Node, node: yaml.Node, blocks: Sequence[str]
) -> str | None:
    if isinstance(node, yaml.ScalarNode) and not node.value and node.style is None:
        lines = _indent(blocks, " " * key.start_mark.column + _DEEPER)
        return insert_after_line(text, key.end_mark.index, lines)
    is_alias = node.start_mark.index < key.end_mark.index
    if not isinstance(node, yaml.CollectionNode) or node.flow_style or is_alias:
        return None
    return _append(text, node, _indent(blocks, " " * node.start_mark.column))


def _indent(blocks: Sequence[str], indent: str) -> list[str]:
    return [f"{indent}{line}" for block in blocks for line in block.split("\n")]


def _append(text: str, node: yaml.Node | None, lines: Sequence[str]) -> str:
    """Insert lines after the last one of a node, or at the end of the text."""
    if node is None:
        return append(text, lines)
    return insert_after_line(text, _last(node).end_mark.index - 1, lines)


def _last(node: yaml.Node) -> yaml.Node:
    """The node whose text ends last: that of a block ends only where the next one begins."""
    while isinstance(node, yaml.CollectionNode) and node.value and not node.flow_style:
        last = node.value[-1]
        node = last[1] if isinstance(last, tuple) else last
    return node
