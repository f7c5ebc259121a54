"""Where a setting is in the text of a YAML file, and how lines are added there.

Owns nothing of what is added. Shared by the edits that keep every other byte.
"""

from __future__ import annotations

from collections.abc import Sequence

import yaml


def find_pair(node: yaml.Node | None, name: str) -> tuple[yaml.Node, yaml.Node] | None:
    """The name and the value of a mapping's setting; None if it has none, or is no mapping."""
    pairs = node.value if isinstance(node, yaml.MappingNode) else ()
    return next(((key, value) for key, value in pairs if key.value == name), None)


def insert_after_line(text: str, index: int, lines: Sequence[str]) -> str:
    """Insert lines after the one with the character at ``index``, with the text's line ending."""
    end = text.find("\n", index)
    if end < 0:
        return append(text, lines)
    return f"{text[: end + 1]}{_join(text, lines)}{text[end + 1 :]}"


def append(text: str, lines: Sequence[str]) -> str:
    """Add lines at the end of the text."""
    gap = "" if not text or text.endswith("\n") else line_ending(text)
    return f"{text}{gap}{_join(text, lines)}"


def line_ending(text: str) -> str:
    """The line ending of the text."""
    return "\r\n" if "\r\n" in text else "\n"


def _join(text: str, lines: Sequence[str]) -> str:
    ending = line_ending(text)
    return "".join(f"{line}{ending}" for line in lines)
