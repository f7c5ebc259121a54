"""Parse YAML into values that keep their line and column.

Owns all parsing of YAML: gateway.yaml, and LiteLLM's own configuration. Must not know any setting.
Safe by construction: only plain values are created (no tag builds an object), duplicate names are
refused, and size, depth and the number of values after expanding aliases are limited.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import yaml

from gatewayctl.settings.model import Source
from gatewayctl.settings.problems import Problems, quote

MAX_CHARACTERS: Final = 256 * 1024
MAX_FOREIGN_CHARACTERS: Final = 4 * 1024 * 1024
"""Of a configuration of LiteLLM, which can have thousands of models."""
MAX_VALUES: Final = 20_000
MAX_FOREIGN_VALUES: Final = 500_000
MAX_DEPTH: Final = 40
NOT_BUILT: Final = (*(ValueError, KeyError, IndexError, AttributeError, OverflowError, TypeError),)
"""What PyYAML raises for a text that its tag does not allow, such as ``!!int ""``."""
_MAX_BITS: Final = 63

_TAG: Final = "tag:yaml.org,2002:"
_BUILDER: Final = yaml.constructor.SafeConstructor()
_BUILT: Final = {_TAG + name for name in ("null", "bool", "int", "float")}
# Dates and `=` have types of their own in YAML 1.1; here they are strings.
_DATE: Final = f"{_TAG}timestamp"
_TEXT: Final = {_TAG + name for name in ("str", "value", "merge")} | {_DATE}

_INTEGER: Final = re.compile(r"-?(0|[1-9][0-9]*)")


Scalar = str | bool | int | float | dt.date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A value of the document. ``key`` is the position of its name, if it has one."""

    value: Scalar | dict[str, Node] | list[Node]
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
    text: str,
    *,
    name: str,
    problems: Problems,
    numbered: Collection[str] = frozenset(),
    as_pyyaml: bool = False,
) -> Node:
    """Parse the document as a mapping, reporting errors to ``problems`` instead of raising.

    ``numbered`` are the mappings whose names may be integers without quotes, such as ports; they
    become strings as written. ``as_pyyaml`` keeps the types that PyYAML's safe loader gives to
    dates and to names, for programs that read the file with it.
    """
    file = Source(name=name)
    try:
        root = _compose(text, file, MAX_FOREIGN_CHARACTERS if as_pyyaml else MAX_CHARACTERS)
        expansion = _Expansion(name, problems, numbered, as_pyyaml=as_pyyaml)
        node = None if root is None else expansion.node(root, 0)
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


def _compose(text: str, file: Source, most: int) -> yaml.Node | None:
    """Parse the document into PyYAML's nodes, in which aliases are still shared."""
    if len(text) > most:
        raise _Unusable(file, f"is larger than {most // 1024} KiB")
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

    def __init__(
        self, name: str, problems: Problems, numbered: Collection[str], *, as_pyyaml: bool
    ) -> None:
        self.name = name
        self.problems = problems
        self.numbered = numbered
        self.as_pyyaml = as_pyyaml
        self.texts = _TEXT - {_DATE} if as_pyyaml else _TEXT
        self.built = _BUILT | {_DATE} if as_pyyaml else _BUILT
        self.most = MAX_FOREIGN_VALUES if as_pyyaml else MAX_VALUES
        self.values = 0

    def node(self, raw: yaml.Node, depth: int, *, numbers: bool = False) -> Node:
        """Expand one node; ``numbers`` allows integers as its names."""
        source = _place(self.name, raw.start_mark)
        self.values += 1
        if self.values > self.most:
            raise _Unusable(
                source, f"contains more than {self.most} values after expanding aliases"
            )
        if depth > MAX_DEPTH:
            raise _Unusable(source, f"is nested deeper than {MAX_DEPTH} levels")
        if isinstance(raw, yaml.MappingNode) and raw.tag == f"{_TAG}map":
            return Node(value=self._mapping(raw, depth, numbers=numbers), source=source)
        if isinstance(raw, yaml.SequenceNode) and raw.tag == f"{_TAG}seq":
            return Node(value=[self.node(item, depth + 1) for item in raw.value], source=source)
        if isinstance(raw, yaml.ScalarNode) and raw.tag in self.built | self.texts:
            return Node(value=self._scalar(raw, source), source=source)
        self.problems.add(source, f"the tag {raw.tag.replace(_TAG, '!!')} is not allowed")
        return Node(value=None, source=source)

    def _scalar(self, raw: yaml.ScalarNode, source: Source) -> Scalar:
        if raw.tag in self.texts:
            text = _join_surrogates(raw.value)
            if text is None:
                self.problems.add(source, "contains an unpaired surrogate")
            return text
        try:
            value: Scalar = _BUILDER.construct_object(raw)
        except NOT_BUILT:
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
        own: dict[Any, Node] = {}
        merged: dict[str, Node] = {}
        for key, item in raw.value:
            place = _place(self.name, key.start_mark)
            name = self._name(key, place)
            if key.tag == f"{_TAG}merge":
                merged = self._merge(item, depth) | merged
            elif not (
                key.tag in self.texts or self._is_name(key) or (numbers and _is_integer(key))
            ):
                self.problems.add(
                    place, f"a name must be a string: put {quote(key.value)} in quotes"
                )
            elif name is None and key.tag in self.texts:
                self.problems.add(place, "contains an unpaired surrogate")
            elif name in own:
                first = own[name].named.line
                self.problems.add(place, f"'{name}' is given twice, first on line {first}")
            else:
                numbered = name in self.numbered
                own[name] = replace(self.node(item, depth + 1, numbers=numbered), key=place)
        return merged | own

    def _is_name(self, key: yaml.Node) -> bool:
        """True for a number, a truth value or a date where PyYAML allows it as a name."""
        return self.as_pyyaml and key.tag in self.built

    def _name(self, key: yaml.Node, place: Source) -> Any:
        if key.tag in self.texts:
            return _join_surrogates(key.value)
        if self._is_name(key) and isinstance(key, yaml.ScalarNode):
            return self._scalar(key, place)
        return key.value

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
