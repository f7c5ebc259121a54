"""One definition of a .env file as text: found by python-dotenv, rewritten in place.

Owns the parts of a line: indent, ``export``, name, value, inline comment, line end.
python-dotenv decides where a statement ends, so that what is edited is what is read. Must
not know the other statements, or files.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from dotenv.parser import parse_stream

from gatewayctl.env_file.values import quote_value

_NEWLINE: Final = re.compile(r"\r\n|\n|\r")
_BLANKS: Final = r"[^\S\r\n]"
_EXPORT: Final = re.compile(rf"export({_BLANKS}+)")
_NAME: Final = re.compile(rf"(?:'[^']+'|[^=#\s]+){_BLANKS}*=?")
_NO_VALUE: Final = re.compile(rf"(?={_BLANKS}*#)")
_VALUE: Final = re.compile(
    rf"""{_BLANKS}*(?:'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|(?:(?!\s+\#)[^\r\n])*)""", re.DOTALL
)
_COMMENT: Final = re.compile(rf"({_BLANKS}*)(#[^\r\n]*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A piece of the file: a definition, a comment, or what python-dotenv cannot parse.

    ``text`` includes the blank lines above and the line end. ``line``, from 1, is where the
    statement itself starts. ``name`` is None if nothing is defined; ``value`` is None also
    for a bare ``NAME`` or ``export NAME``. ``broken`` is true for what cannot be parsed.
    """

    text: str = field(repr=False)
    line: int
    name: str | None
    value: str | None = field(repr=False)
    broken: bool


def split_statements(body: str) -> Iterator[Statement]:
    """Split ``body``, a text without byte order mark; the parts add up to it exactly."""
    line, counted, offset = 1, 0, 0
    for binding in parse_stream(io.StringIO(body)):
        text = binding.original.string
        start = offset + len(text) - len(text.lstrip())
        line += len(_NEWLINE.findall(body, counted, start))
        counted, offset = start, offset + len(text)
        value = binding.value
        yield Statement(
            text=text,
            line=line,
            name=binding.key,
            # programs open the file as text and read every line end as \n
            value=None if value is None else _NEWLINE.sub("\n", value),
            broken=binding.error,
        )


def blank_lines_above(statement: Statement) -> str:
    """Return what remains of the text of a definition when its line is removed."""
    space = statement.text[: len(statement.text) - len(statement.text.lstrip())]
    return space[: max(space.rfind("\n"), space.rfind("\r")) + 1]


def definition_line(statement: Statement) -> str:
    """Return the text of a definition without the blank lines above and without its line end."""
    return statement.text[len(blank_lines_above(statement)) :].rstrip("\r\n")


def rewrite_value(statement: Statement, value: str, *, sh: bool = True) -> str:
    """Return the text of a definition with another value, which all three programs read.

    Indent, ``export``, inline comment and line end stay. What sh cannot parse is removed:
    blanks around ``=``, quotes around the name, and spaces outside ASCII. Raises
    ``EnvValueUnsafe``.
    """
    above = blank_lines_above(statement)
    line = statement.text[len(above) :]
    definition = line.lstrip()
    indent = _plain(line[: len(line) - len(definition)], instead="")
    export = _EXPORT.match(definition)
    prefix = "export" + _plain(export[1], instead=" ") if export else ""
    comment = _inline_comment(definition[export.end() if export else 0 :], statement.value)
    quoted = quote_value(statement.name or "", value, bare=not comment, sh=sh)
    assignment = f"{statement.name}={quoted}"
    line_end = definition[len(definition.rstrip("\r\n")) :]
    return above + indent + prefix + assignment + comment + line_end


def _inline_comment(assignment: str, value: str | None) -> str:
    """Return the comment after the value with the space before it, or nothing."""
    name = _NAME.match(assignment)
    rest = assignment[name.end() :] if name else ""
    old = (None if value else _NO_VALUE.match(rest)) or _VALUE.match(rest)
    comment = _COMMENT.match(rest, old.end() if old else 0)
    return _plain(comment[1], instead=" ") + comment[2] if comment else ""


def _plain(space: str, *, instead: str) -> str:
    """Return ``space`` if sh accepts it: blanks and tabs only."""
    return space if space and not space.strip(" \t") else instead
