"""Values as YAML that reads back as the same values.

This prevents injection: no setting can add structure to a file. Must not know any file.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, Final

import yaml


class _Dumper(yaml.SafeDumper):
    """Quotes every string that could be read as another type, and keeps it on one line."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


# Compose reads YAML 1.2, where 1e3 and 0o17 are numbers, and for kubectl and Helm y is true;
# PyYAML quotes none of them.
_LIKE_ANOTHER_TYPE: Final = re.compile(r"[-+.]?[0-9].*|[yYnN]")
# YAML 1.1 ends a line at them, too.
_OTHER_LINE_ENDS: Final = re.compile("[\x85\u2028\u2029]")


def _represent_string(dumper: yaml.SafeDumper, value: str) -> yaml.Node:
    plain = value.isprintable() and value == value.strip()
    style = "'" if _LIKE_ANOTHER_TYPE.fullmatch(value) else None
    style = style if plain else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _represent_string)


class _BlockDumper(_Dumper):
    """Writes text of several lines as such, and items of lists deeper than their name."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _represent_text(dumper: yaml.SafeDumper, value: str) -> yaml.Node:
    if "\n" in value and not _OTHER_LINE_ENDS.search(value):
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|")
    return _represent_string(dumper, value)


_BlockDumper.add_representer(str, _represent_text)


def to_yaml(value: Any, *, indent: int = 0, block: bool = False) -> str:
    """Write any value as YAML that reads back as the same value.

    A mapping becomes one line per key, all but the first indented by ``indent`` blanks; anything
    else becomes one line. With ``block`` so do lists, and texts of several lines stay readable.
    """
    text = yaml.dump(
        dict(value) if isinstance(value, Mapping) else value,
        Dumper=_BlockDumper if block else _Dumper,
        default_flow_style=not (block or isinstance(value, Mapping)),
        sort_keys=False,
        allow_unicode=True,
        width=math.inf,
    )
    lines = text.removesuffix("\n...\n").rstrip("\n").split("\n")
    first, *more = lines
    return "\n".join((first, *(f"{' ' * indent}{line}" if line else "" for line in more)))


def read_documents(text: str) -> tuple[dict[str, Any], ...]:
    """The mappings of a rendered file with several documents; empty ones are left out."""
    return tuple(document for document in yaml.safe_load_all(text) if document)
