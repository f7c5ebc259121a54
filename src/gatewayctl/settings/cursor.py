"""Read values of gateway.yaml as the types a setting expects, reporting what is wrong.

Owns the type checks. Must not know any one setting.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final

from gatewayctl.settings.document import Node
from gatewayctl.settings.problems import Problems, quote, suggest

VARIABLE_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_MAX_NAME: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """A position in gateway.yaml: the value there, its dotted path and where problems go.

    ``name`` is the last part of the path. A cursor can be at a setting that is not given
    (``is_given``): its readers return None or nothing, and problems are reported at its parent.
    The readers report a value of another type and return None for it.
    """

    node: Node
    problems: Problems
    path: str = ""
    name: str = ""
    is_given: bool = True

    @property
    def value(self) -> Any:
        """The value as `Node` holds it; None if it is not given."""
        return self.node.value

    @property
    def is_set(self) -> bool:
        """True if there is a value, and it is not null."""
        return self.node.value is not None

    def child(self, name: str) -> Cursor:
        """Move to a named part, given or not."""
        node = self.node.children().get(name)
        return replace(
            self,
            node=node or Node(value=None, source=self.node.named),
            path=f"{self.path}.{name}" if self.path else name,
            # LiteLLM's own configuration can have numbers as names.
            name=str(name),
            is_given=node is not None,
        )

    def parts(self) -> Iterator[Cursor]:
        """Yield every part of a mapping or a list."""
        for name in self.node.children():
            yield self.child(name)
        for index, item in enumerate(self.value if isinstance(self.value, list) else ()):
            yield replace(self, node=item, path=f"{self.path}[{index}]")

    def items(self) -> Iterator[Cursor]:
        """Yield the items of a list; a value alone counts as a list of one, null as empty."""
        if isinstance(self.value, list):
            yield from self.parts()
        elif self.is_set:
            yield self

    def expand(self, kind: type, name: str) -> Cursor:
        """Take a value of that kind alone for a mapping with one name: ``x`` for ``{name: x}``."""
        return self.with_parts({name: self.node}) if isinstance(self.value, kind) else self

    def with_parts(self, parts: dict[str, Node]) -> Cursor:
        """Return the cursor with another mapping as its value."""
        return replace(self, node=replace(self.node, value=parts))

    def add(self, message: str) -> None:
        """Report a problem at the value."""
        self.problems.add(self.node.source, message)

    def add_at_name(self, message: str) -> None:
        """Report a problem at the name of the value."""
        self.problems.add(self.node.named, message)

    def refuse(self, expected: str, *, hint: str = "") -> None:
        """Report that a given value is not what is expected."""
        if self.is_given:
            self.add(f"{self.path} must be {expected}, not {quote(self.node.plain())}{hint}")

    def check_names(self, known: Collection[str], *, hint: str = "") -> None:
        """Report unknown names in a mapping, each with the nearest known one, else the hint."""
        inside = f" in {self.path}" if self.path else ""
        for name, part in self.mapping().items():
            if name not in known:
                part.add_at_name(f"unknown setting '{name}'{inside} {suggest(name, known)}{hint}")

    def check_printable_name(self, kind: str) -> None:
        """Report a name that cannot be shown on one line or sent to LiteLLM."""
        name = self.name
        if name != name.strip() or not name.isprintable() or not 0 < len(name) <= _MAX_NAME:
            self.add_at_name(
                f"the {kind} '{name[:40]}' must be printable, without leading or trailing blanks,"
                f" at most {_MAX_NAME} characters"
            )

    def check_finite(self) -> None:
        """Report numbers that JSON cannot represent."""
        if isinstance(self.value, float) and not math.isfinite(self.value):
            self.add(f"{self.path} must not be infinity or not-a-number")
        for part in self.parts():
            part.check_finite()

    def mapping(self) -> dict[str, Cursor]:
        """Read a mapping; null counts as an empty one."""
        if self.is_set and not isinstance(self.value, dict):
            self.refuse("a mapping")
        return {name: self.child(name) for name in self.node.children()}

    def data(self) -> Mapping[str, Any]:
        """Read a mapping of anything that JSON can represent."""
        self.mapping()
        self.check_finite()
        plain = self.node.plain()
        return MappingProxyType(plain if isinstance(plain, dict) else {})

    def string(self) -> str | None:
        """Read a string that is not blank."""
        if isinstance(self.value, str) and self.value.strip():
            return self.value
        self.refuse("a string")
        return None

    def strings(self) -> tuple[str, ...]:
        """Read a list of different strings; one string counts as a list of one."""
        found: list[str] = []
        for item in self.items():
            value = item.string()
            if value in found:
                item.add(f"'{value}' is given twice in {self.path}")
            elif value is not None:
                found.append(value)
        return tuple(found)

    def non_negative_integer(self) -> int | None:
        """Read an integer, 0 or more."""
        value = self.value
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return value
        self.refuse("a non-negative integer")
        return None

    def seconds(self) -> float | None:
        """Read a time in seconds, above 0 and finite."""
        value = self.value
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf:
            return value
        self.refuse("a positive number of seconds")
        return None

    def variable(self) -> str | None:
        """Read the name of an environment variable."""
        if isinstance(self.value, str) and VARIABLE_NAME.fullmatch(self.value):
            return self.value
        self.refuse("the name of an environment variable")
        return None
