"""A YAML text to edit in place: where its values and comments are, and the text with others.

Serializing the document again would lose comments, quotes, anchors and line ends. So positions come
from PyYAML, whose reading of YAML 1.1 is LiteLLM's too, and only the text at them is replaced. Must
not know what a value means.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from gatewayctl.settings.document import NOT_BUILT
from gatewayctl.settings.model import Source
from gatewayctl.settings.problems import Problems

ValuePath = tuple[str | int, ...]
Span = tuple[int, int]

_MAX_VALUES: Final = 100_000
_MERGE: Final = "tag:yaml.org,2002:merge"
_COMMENT: Final = re.compile(r"#[^\r\n\x85\u2028\u2029]*")
_BLOCK: Final = ("|", ">")


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """One scalar of the document, as PyYAML's safe loader reads it.

    ``path`` are the names and indexes that lead to it; a merged mapping has the path of the mapping
    that it is merged into. An anchor is yielded at each place that uses it, always with the
    ``span`` of its text. ``is_key`` is true for the name of an entry.
    """

    path: ValuePath
    value: Any = field(repr=False)
    line: int
    span: Span
    is_key: bool = False

    @property
    def name(self) -> str:
        """The name it is given by: the last of the path that is no index."""
        return next((part for part in reversed(self.path) if isinstance(part, str)), "")

    @property
    def in_list(self) -> bool:
        """True for an item of a list, and everything in a list that is itself an item of one."""
        nested = any(
            isinstance(a, int) and isinstance(b, int)
            for a, b in zip(self.path, self.path[1:], strict=False)
        )
        return nested or isinstance(self.path[-1:] and self.path[-1], int)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comment:
    """A comment from its ``#`` to the end of its line."""

    text: str = field(repr=False)
    line: int
    span: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class YamlText:
    """A valid document: its text, its values in their order, and its comments."""

    text: str = field(repr=False)
    values: tuple[Value, ...] = field(repr=False)
    comments: tuple[Comment, ...] = field(repr=False)
    data: Any = field(repr=False)

    def with_texts(self, edits: Mapping[Span, str]) -> str:
        """Return the text with other texts at these spans, which do not overlap."""
        parts: list[str] = []
        end = 0
        for (start, stop), new in sorted(edits.items()):
            old = self.text[start:stop]
            # A block scalar includes the line ends after it.
            kept = old[len(old.rstrip()) :] if old.startswith(_BLOCK) else ""
            parts += (self.text[end:start], new, kept)
            end = stop
        return "".join((*parts, self.text[end:]))

    def within(self, start: int, end: int) -> str:
        """Return the text of a span as it is written."""
        return self.text[start:end]


def read_yaml_text(text: str, *, name: str, problems: Problems) -> YamlText | None:
    """Read one document; None if it is invalid, which is reported with its line."""
    file = Source(name=name)
    try:
        data = yaml.safe_load(text)
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        tokens = list(yaml.scan(text, Loader=yaml.SafeLoader))
        starts = {t.end_mark.index: t.start_mark for t in tokens if isinstance(t, yaml.ScalarToken)}
        walk = _Walk(starts)
        values = tuple(walk.node(root, (), ())) if root is not None else ()
        return YamlText(
            text=text, values=values, comments=tuple(_comments(text, tokens)), data=data
        )
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = file if mark is None else Source(name=name, line=mark.line + 1)
        problems.add(place, f"is not valid YAML: {error.problem or error.context}")
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        problems.add(Source(name=name, line=line), f"is not valid YAML: {error.reason}")
    except NOT_BUILT:
        problems.add(file, "contains a number, date or truth value that is not valid")
    except RecursionError:
        problems.add(file, "is nested too deeply, or an anchor contains itself")
    except _TooLarge:
        problems.add(file, f"has more than {_MAX_VALUES} values after its aliases are expanded")
    return None


class _TooLarge(Exception):
    pass


class _Walk:
    def __init__(self, starts: Mapping[int, yaml.Mark]) -> None:
        self.starts = starts
        self.count = 0

    def node(self, node: yaml.Node, path: ValuePath, above: tuple[int, ...]) -> Iterator[Value]:
        if id(node) in above:
            raise RecursionError
        inside = (*above, id(node))
        if isinstance(node, yaml.MappingNode):
            for key, child in node.value:
                if key.tag == _MERGE:
                    yield from self._merge(child, path, inside)
                    continue
                yield from self._key(key, path)
                yield from self.node(child, (*path, _name(key)), inside)
        elif isinstance(node, yaml.SequenceNode):
            for index, child in enumerate(node.value):
                yield from self.node(child, (*path, index), inside)
        else:
            yield self._scalar(node, path)

    def _merge(self, node: yaml.Node, path: ValuePath, above: tuple[int, ...]) -> Iterator[Value]:
        parts = node.value if isinstance(node, yaml.SequenceNode) else [node]
        for part in parts:
            yield from self.node(part, path, above)

    def _key(self, key: yaml.Node, path: ValuePath) -> Iterator[Value]:
        if isinstance(key, yaml.ScalarNode):
            yield self._scalar(key, path, is_key=True)

    def _scalar(self, node: yaml.Node, path: ValuePath, *, is_key: bool = False) -> Value:
        self.count += 1
        if self.count > _MAX_VALUES:
            raise _TooLarge
        # The node starts at its anchor and tag, its token after them.
        end = node.end_mark.index
        start = self.starts.get(end, node.end_mark)
        return Value(
            path=path,
            value=yaml.constructor.SafeConstructor().construct_object(node),
            line=start.line + 1,
            span=(start.index, end),
            is_key=is_key,
        )


def _name(key: yaml.Node) -> str:
    return key.value if isinstance(key, yaml.ScalarNode) else "?"


def _comments(text: str, tokens: list[yaml.Token]) -> Iterator[Comment]:
    """The comments between tokens, and in the first line of a block scalar."""
    end = 0
    for token in tokens:
        for start, stop in ((end, token.start_mark.index), _header(text, token)):
            for found in _COMMENT.finditer(text, start, stop):
                line = text.count("\n", 0, found.start()) + 1
                yield Comment(text=found.group(), line=line, span=found.span())
        end = max(end, token.end_mark.index)


def _header(text: str, token: yaml.Token) -> Span:
    start, end = token.start_mark.index, token.end_mark.index
    if not isinstance(token, yaml.ScalarToken) or token.style not in _BLOCK:
        return (start, start)
    found = re.search(r"[\r\n]", text[start:end])
    return (start, start + found.start() if found else end)
