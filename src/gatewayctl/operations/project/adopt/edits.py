"""Apply the changes of an adoption to a text, and make sure that nothing else changed.

Owns that check. Must not know why something changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gatewayctl.operations.project.adopt.sources import ConfigFile
from gatewayctl.settings.litellm.yaml_text import Span, read_yaml_text
from gatewayctl.settings.problems import Problems


def apply_edits(file: ConfigFile, edits: Mapping[Span, str], problems: Problems) -> str:
    """The text of a file with its edits, read again to make sure that nothing else changed."""
    text = file.yaml.text
    if not edits:
        return text
    new = file.yaml.with_texts(edits)
    again = read_yaml_text(new, name=file.shown, problems=Problems())
    after = () if again is None else again.values
    same = len(file.yaml.values) == len(after) and all(
        (old.path, old.is_key) == (value.path, value.is_key)
        and (old.span in edits or _is_same(old.value, value.value))
        for old, value in zip(file.yaml.values, after, strict=True)
    )
    if not same:
        line = min(text.count("\n", 0, start) for start, _ in edits) + 1
        problems.add(file.source(line), "cannot be changed without changing other settings")
    return new


def _is_same(old: Any, new: Any) -> bool:
    """Equal and of one type; not-a-number equals itself here."""
    return type(old) is type(new) and (old == new or repr(old) == repr(new))
