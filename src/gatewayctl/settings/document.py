"""Parse gateway.yaml into values that keep their line and column.

Owns all parsing of YAML. Must not know any setting. Safe by construction: only plain values
are created (no tag builds an object), duplicate names are refused, and size, depth and the
number of values after expanding aliases are limited.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import yaml

from gatewayctl.settings.model import Source
from gatewayctl.settings.problems import Problems, quote

MAX_CHARACTERS: Final = 256 * 1024
MAX_VALUES: Final = 20_000
MAX_DEPTH: Final = 40
_MAX_BITS: Final = 63

_TAG: Final = "tag:yaml.org,2002:"
_BUILDER: Final = yaml.constructor.SafeConstructor()
_BUILT: Final = {_TAG + name for name in ("null", "bool", "int", "float")}
# Dates and `=` have types of their own in YAML 1.1; here they are strings.
_TEXT: Final = {_TAG + name for name in ("str", "timestamp", "value", "merge")}

_INTEGER: Final = re.compile(r"-?(0|[1-9][0-9]*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A value of the document. ``key`` is the position of its name, if it has one."""

    value: str | bool | int | float | dict[str, Node] | list[Node] | None
    source: Source
    key: Source | None = None

    @property
    def named(self) -> Source:
        """The position a user looks for: that of its name, else of the value."""
        return self.key or self.source

    def plain(self) -> Any:
        """The value with its parts, without positions."""
        if isinstance(self.value, dict):
            return {name: child.plain() for name, child in self.value.items()}
        if isinstance(self.value, list):
            return [child.plain() for child in self.value]
        return self.value

    def children(self) -> Mapping[str, Node]:
        """The parts of a mapping by name; none of any other value."""
        return self.value if isinstance(self.value, dict) else {}

    def at(self, path: str) -> Node | None:
        """The part at a dotted path."""
        node: Node | None = self
        for name in path.split("."):
            node = None if node is None else node.children().get(name)
        return node

    def places(self, prefix: str = "") -> Iterator[tuple[str, Source]]:
        """Every named part: dotted name and position."""
        for name, child in self.children().items():
            yield f"{prefix}{name}", child.named
            yield from child.places(f"{prefix}{name}.")


def parse(
    text: str, *, name: str, problems: Problems, numbered: Collection[str] = frozenset()
) -> Node:
    """Parse the document as a mapping, reporting errors to ``problems`` instead of raising.

    ``numbered`` are the mappings whose names may be integers without quotes, such as ports; they
    become strings as written.
    """
    file = Source(name=name)
    try:
        root = _compose(text, file)
        node = None if root is None else _Expansion(name, problems, numbered).node(root, 0)
        if node is not None and not isinstance(node.value, dict | None):
            raise _Unusable(node.source, f"must contain `name: value`, not {quote(node.plain())}")
    except _Unusable as error:
        problems.add(error.source, str(error))
        node = None
    return node if node is not None and node.value is not None else Node(value={}, source=file)


class _Unusable(Exception):
    def __init__(self, source: Source, message: str) -> None:
        super().__init__(message)
        self.source = source


def _compose(text: str, file: Source) -> yaml.Node | None:
    """Parse the document into PyYAML's nodes, in which aliases are still shared."""
    if len(text) > MAX_CHARACTERS:
        raise _Unusable(file, f"is larger than {MAX_CHARACTERS // 1024} KiB")
    try:
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        place = _place(file.name, error.problem_mark or error.context_mark)
        context = f" ({error.context})" if error.context else ""
        raise _Unusable(place, f"is not valid YAML: {error.problem}{context}") from error
    except yaml.reader.ReaderError as error:
        message = f"character {error.position + 1} is not allowed in YAML"
        raise _Unusable(file, message) from error
    except RecursionError as error:
        raise _Unusable(file, f"is nested deeper than {MAX_DEPTH} levels") from error


def _place(name: str, mark: yaml.Mark | None) -> Source:
    if mark is None:
        return Source(name=name)
    return Source(name=name, line=mark.line + 1, column=mark.column + 1)


def _is_integer(key: yaml.Node) -> bool:
    """True for a decimal integer: YAML also reads 010 as 8, and 8:22 as 502."""
    return bool(key.tag == f"{_TAG}int" and _INTEGER.fullmatch(key.value))


def _join_surrogates(text: str) -> str | None:
    """Join the two halves in which JSON escapes a character beyond U+FFFF; None for one alone."""
    try:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    except UnicodeDecodeError:
        return None


class _Expansion:
    """Expands PyYAML's nodes, in which aliases are shared, into a tree of limited size."""

    def __init__(self, name: str, problems: Problems, numbered: Collection[str]) -> None:
        self.name = name
        self.problems = problems
        self.numbered = numbered
        self.values = 0

    def node(self, raw: yaml.Node, depth: int, *, numbers: bool = False) -> Node:
        """Expand one node; ``numbers`` allows integers as its names."""
        source = _place(self.name, raw.start_mark)
        self.values += 1
        if self.values > MAX_VALUES:
            raise _Unusable(
                source, f"contains more than {MAX_VALUES} values after expanding aliases"
            )
        if depth > MAX_DEPTH:
            raise _Unusable(source, f"is nested deeper than {MAX_DEPTH} levels")
        if isinstance(raw, yaml.MappingNode) and raw.tag == f"{_TAG}map":
            return Node(value=self._mapping(raw, depth, numbers=numbers), source=source)
        if isinstance(raw, yaml.SequenceNode) and raw.tag == f"{_TAG}seq":
            return Node(value=[self.node(item, depth + 1) for item in raw.value], source=source)
        if isinstance(raw, yaml.ScalarNode) and raw.tag in _BUILT | _TEXT:
            return Node(value=self._scalar(raw, source), source=source)
        self.problems.add(source, f"the tag {raw.tag.replace(_TAG, '!!')} is not allowed")
        return Node(value=None, source=source)

    def _scalar(self, raw: yaml.ScalarNode, source: Source) -> str | bool | int | float | None:
        if raw.tag in _TEXT:
            text = _join_surrogates(raw.value)
            if text is None:
                self.problems.add(source, "contains an unpaired surrogate")
            return text
        try:
            value: bool | int | float | None = _BUILDER.construct_object(raw)
        except (ValueError, KeyError, OverflowError):
            self.problems.add(
                source, f"is not a valid {raw.tag.removeprefix(_TAG)}: {quote(raw.value)}"
            )
            return None
        # Longer numbers cannot be serialized again, and no setting needs them.
        if isinstance(value, int) and value.bit_length() > _MAX_BITS:
            self.problems.add(source, f"is a number of more than {_MAX_BITS} bits")
            return None
        return value

    def _mapping(self, raw: yaml.MappingNode, depth: int, *, numbers: bool) -> dict[str, Node]:
        own: dict[str, Node] = {}
        merged: dict[str, Node] = {}
        for key, item in raw.value:
            place = _place(self.name, key.start_mark)
            name = _join_surrogates(key.value) if key.tag in _TEXT else key.value
            if key.tag == f"{_TAG}merge":
                merged = self._merge(item, depth) | merged
            elif key.tag not in _TEXT and not (numbers and _is_integer(key)):
                self.problems.add(
                    place, f"a name must be a string: put {quote(key.value)} in quotes"
                )
            elif name is None:
                self.problems.add(place, "contains an unpaired surrogate")
            elif name in own:
                first = own[name].named.line
                self.problems.add(place, f"'{name}' is given twice, first on line {first}")
            else:
                numbered = name in self.numbered
                own[name] = replace(self.node(item, depth + 1, numbers=numbered), key=place)
        return merged | own

    def _merge(self, raw: yaml.Node, depth: int) -> dict[str, Node]:
        """Expand the names that ``<<: *anchor`` or ``<<: [*one, *two]`` adds."""
        node = self.node(raw, depth + 1)
        parts = node.value if isinstance(node.value, list) else [node]
        names: dict[str, Node] = {}
        for part in parts:
            if not isinstance(part.value, dict):
                self.problems.add(part.source, "`<<` needs a mapping")
            names = {**part.children(), **names}
        return names
