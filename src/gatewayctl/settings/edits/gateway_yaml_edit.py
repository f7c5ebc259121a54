"""Change one setting of gateway.yaml in place and keep every other byte.

Serializing the document again would lose comments and order. So the position is found by
parsing, the text is edited there, and parsing the result checks that nothing else changed.
Must not know files, nor what a setting means.
"""

from __future__ import annotations

from typing import Final

import yaml

from gatewayctl.errors import SettingsProblem
from gatewayctl.settings.document import parse
from gatewayctl.settings.edits.lines import append, find_pair, insert_after_line, line_ending
from gatewayctl.settings.problems import Problems

_BYTE_ORDER_MARK: Final = "\ufeff"
_NOT_PLAIN: Final = frozenset("&*!|>")


def with_value(text: str, group: str, name: str, value: str | int) -> str:
    """Set ``group.name`` to a string or a number by changing or adding one line.

    Raises SettingsProblem if that would need more changes.
    """
    mark = _BYTE_ORDER_MARK if text.startswith(_BYTE_ORDER_MARK) else ""
    body = text.removeprefix(mark)
    changed = _edit(body, group, name, str(value))
    if changed is None or not _changes_only(body, changed, group, name, value):
        raise SettingsProblem(
            f"{group}.{name} cannot be set in gateway.yaml without changing other lines.",
            hint=f"Set it yourself: under {group}: the line {name}: {value}.",
        )
    return mark + changed


def _edit(text: str, group: str, name: str, value: str) -> str | None:
    """Return the new text, or None if other settings share the position."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError):
        return None
    if root is None:
        return _append_group(text, "", group, name, value)
    if not isinstance(root, yaml.MappingNode):
        return None
    if found := find_pair(root, group):
        return _set_in_group(text, *found, name, value)
    if root.flow_style:
        return _insert_into_braces(text, root, f"{group}: {{{name}: {value}}}")
    return _append_group(text, " " * root.start_mark.column, group, name, value)


def _set_in_group(text: str, key: yaml.Node, node: yaml.Node, name: str, value: str) -> str | None:
    if isinstance(node, yaml.ScalarNode) and not node.value and node.style is None:
        # The group is empty.
        line = f"{' ' * (key.start_mark.column + 2)}{name}: {value}"
        return insert_after_line(text, key.end_mark.index, [line])
    if not isinstance(node, yaml.MappingNode) or _is_shared(text, key, node):
        return None
    return _set_in_mapping(text, node, name, value)


def _set_in_mapping(text: str, node: yaml.MappingNode, name: str, value: str) -> str | None:
    found = find_pair(node, name)
    if found is None and node.flow_style:
        return _insert_into_braces(text, node, f"{name}: {value}")
    if found is None:
        first = node.value[0][0].start_mark
        line = first.index - first.column
        return f"{text[:line]}{' ' * first.column}{name}: {value}{line_ending(text)}{text[line:]}"
    key, old = found
    if not isinstance(old, yaml.ScalarNode) or _is_shared(text, key, old):
        return None
    start, end = old.start_mark.index, old.end_mark.index
    if start == end:
        return f"{text[:start]} {value}{text[end:]}"
    quote = old.style if old.style in {"'", '"'} else ""
    return f"{text[:start]}{quote}{value}{quote}{text[end:]}"


def _is_shared(text: str, key: yaml.Node, node: yaml.Node) -> bool:
    """True for an anchor, an alias or a block: a value that is used elsewhere or is not plain."""
    start = node.start_mark.index
    if start < key.end_mark.index:
        return True
    return start < node.end_mark.index and text[start] in _NOT_PLAIN


def _insert_into_braces(text: str, node: yaml.MappingNode, entry: str) -> str:
    at = node.start_mark.index + 1
    return f"{text[:at]}{entry}{', ' if node.value else ''}{text[at:]}"


def _append_group(text: str, indent: str, group: str, name: str, value: str) -> str:
    return append(text, [f"{indent}{group}:", f"{indent}  {name}: {value}"])


def _changes_only(before: str, after: str, group: str, name: str, value: str | int) -> bool:
    """True if the new document differs from the old one in this setting alone."""
    problems = Problems()
    old, new = (parse(text, name="gateway.yaml", problems=problems) for text in (before, after))
    expected = old.plain()
    expected[group] = {**(expected.get(group) or {}), name: value}
    return bool(new.plain() == expected)
