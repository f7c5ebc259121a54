"""Read .env: names, values and their lines.

Owns decoding and its errors. python-dotenv is the parser, without interpolation: ``${…}`` in a
secret is not expanded. Takes no lock, because writers replace the file as a whole. Must not
know what the names mean.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from gatewayctl.env_file.document import EnvDocument
from gatewayctl.errors import EnvFileMissing, EnvFileUnreadable
from gatewayctl.files.regular import read_regular_file

# YAML, JSON; `set` of Windows, lists of Compose.
_WITH_COLON: Final = re.compile(r"(?:export\s+)?[\"']?[A-Za-z_]\w*[\"']?[ \t]*:")
_NOT_A_COMMENT: Final = re.compile(r";|//|--")
_FIRST_WORD: Final = re.compile(r"(-|set|setx|setenv|var|let|const|declare)\s")


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvValue:
    """A variable's value and the line, from 1, of its last definition."""

    value: str = field(repr=False)
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvProblem:
    """A line, from 1, that cannot be parsed.

    The text of the line is left out: it may contain a secret.
    """

    line: int
    reason: str


def read_env_file(path: Path) -> Mapping[str, EnvValue]:
    """Read ``path`` as python-dotenv does; of several definitions the last one counts.

    A bare ``NAME`` or ``export NAME`` has no value and is left out, even after a definition.
    Raises ``EnvFileMissing`` and ``EnvFileUnreadable``.
    """
    return {
        name: EnvValue(value=definition.value, line=definition.line)
        for name, definition in read_document(path).definitions.items()
        if definition.value is not None
    }


def find_unparsable_lines(path: Path) -> tuple[EnvProblem, ...]:
    """Find the lines of ``path`` that python-dotenv skips because it cannot parse them.

    ``NAME:value`` is one of them: Compose reads a value there, python-dotenv a name. Raises
    ``EnvFileMissing`` and ``EnvFileUnreadable``.
    """
    return tuple(
        EnvProblem(line=piece.line, reason=f"not NAME=value: {_explain(piece.text.lstrip())}")
        for piece in read_document(path).statements
        if piece.broken or (piece.value is None and _WITH_COLON.match(piece.name or ""))
    )


def _explain(line: str) -> str:
    """Explain why a line is no definition, without quoting it."""
    if _WITH_COLON.match(line):
        return "it has : in place of ="
    if _NOT_A_COMMENT.match(line):
        return "a comment starts with #"
    if word := _FIRST_WORD.match(line):
        return f"remove `{word[1]}` before the name"
    return "an open quote, or text after a closing quote"


def read_document(path: Path) -> EnvDocument:
    """Read the file as its statements. Raises ``EnvFileMissing`` and ``EnvFileUnreadable``."""
    try:
        content = read_regular_file(path)
    except FileNotFoundError as error:
        raise EnvFileMissing(f"{path} does not exist") from error
    except OSError as error:
        raise EnvFileUnreadable(f"Cannot read {path}: {error.strerror}.") from error
    return EnvDocument.parse(decode(path, content))


def decode(path: Path, content: bytes) -> str:
    """Decode the content of ``path`` without translating line ends.

    Raises ``EnvFileUnreadable`` if it is not UTF-8 or not text.
    """
    if b"\0" in content:
        raise EnvFileUnreadable(f"{path} is not a text file in UTF-8: it has NUL bytes")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
    # Outside of the handler: the decoding error contains the content and must not be chained.
    raise EnvFileUnreadable(f"{path} is not a text file in UTF-8: see line {line}")
