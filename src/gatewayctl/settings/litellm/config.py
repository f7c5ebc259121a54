"""LiteLLM's own configuration as a value: what the operator wrote, with the place of every part.

Owns its shape and what can be asked of it. Must not know how it was read (read), what is wrong
with it (traps), or what gatewayctl lays over it (rendering).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from gatewayctl.settings.document import Node
from gatewayctl.settings.model import DEFAULT_SOURCE, Source

REFERENCE: Final = re.compile(r"os\.environ/([A-Za-z_][A-Za-z0-9_]*)")
"""A value that LiteLLM takes from its environment."""
OWNED: Final = ("general_settings.master_key", "general_settings.database_url")
"""The settings that gatewayctl replaces: it generates the key and runs the database."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LitellmConfig:
    """The sections of LiteLLM's configuration, with the files it includes joined.

    ``nodes`` are the sections with their places, without those named ``x-…``, which LiteLLM does
    not read. ``files`` are the configuration and what it includes, empty if it is a part of
    gateway.yaml. ``folder`` is where LiteLLM looks for modules of the operator. ``modules`` are
    those that were found there, relative to it, with the modules that they import.
    """

    nodes: Mapping[str, Node]
    folder: Path
    files: tuple[Path, ...] = ()
    modules: tuple[str, ...] = ()

    @property
    def sections(self) -> dict[str, Any]:
        """The sections as plain values, each call a new copy."""
        return {name: node.plain() for name, node in self.nodes.items()}

    @property
    def variables(self) -> tuple[str, ...]:
        """The environment variables that LiteLLM reads for this configuration, sorted."""
        return tuple(sorted({name for _, name in self.references()}))

    def references(self) -> Iterator[tuple[Node, str]]:
        """Every ``os.environ/NAME``, as node and name, without those of replaced settings."""
        for path, node in self.values():
            if path not in OWNED and isinstance(node.value, str):
                yield from ((node, name) for name in REFERENCE.findall(node.value))

    def values(self) -> Iterator[tuple[str, Node]]:
        """Every value that contains no other, as path (``model_list[3].model_name``) and node."""
        for name, node in self.nodes.items():
            yield from _leaves(node, str(name))

    def at(self, path: str) -> Node | None:
        """The part at a dotted path of names."""
        first, _, rest = path.partition(".")
        node = self.nodes.get(first)
        return node if node is None or not rest else node.at(rest)

    def items(self, path: str) -> tuple[Node, ...]:
        """The items of the list at a path; none of anything else."""
        node = self.at(path)
        return tuple(node.value) if node is not None and isinstance(node.value, list) else ()

    def source_of(self, path: str) -> Source:
        """The place of the part at a dotted path."""
        node = self.at(path)
        return DEFAULT_SOURCE if node is None else node.named


def _leaves(node: Node, path: str) -> Iterator[tuple[str, Node]]:
    if isinstance(node.value, dict):
        for name, child in node.value.items():
            yield from _leaves(child, f"{path}.{name}")
    elif isinstance(node.value, list):
        for index, child in enumerate(node.value):
            yield from _leaves(child, f"{path}[{index}]")
    else:
        yield path, node
