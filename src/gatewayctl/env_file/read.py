"""Reading .env: names, values and the lines they stand on.

Owns how a file becomes text, and which failures that has. python-dotenv is the reader,
without interpolation: a secret with ``${…}`` in it is itself, not what the process's
environment makes of it. Takes no lock: writers replace the file as a whole. Must not know
what the names mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gatewayctl.env_file.document import EnvDocument
from gatewayctl.errors import EnvFileMissing, EnvFileUnreadable


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvValue:
    """A variable's value and the line, from 1, of the definition that won."""

    value: str = field(repr=False)
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvProblem:
    """A line, from 1, that defines nothing though it looks as if it should.

    The line's text is not here: it may hold a secret.
    """

    line: int
    reason: str


def read_env_file(path: Path) -> Mapping[str, EnvValue]:
    """What python-dotenv reads from ``path``; of several definitions the last one wins.

    A bare ``NAME`` or ``export NAME`` has no value and is left out, even behind a
    definition. Raises ``EnvFileMissing`` and ``EnvFileUnreadable``.
    """
    return {
        name: EnvValue(value=definition.value, line=definition.line)
        for name, definition in read_document(path).definitions.items()
        if definition.value is not None
    }


def find_unparsable_lines(path: Path) -> tuple[EnvProblem, ...]:
    """The lines of ``path`` that python-dotenv skips, because it cannot parse them.

    Raises ``EnvFileMissing`` and ``EnvFileUnreadable``.
    """
    reason = "not NAME=value: a quote left open, or text behind a closing quote"
    broken = (piece for piece in read_document(path).statements if piece.broken)
    return tuple(EnvProblem(line=piece.line, reason=reason) for piece in broken)


def read_document(path: Path) -> EnvDocument:
    """The file cut into its statements. Raises ``EnvFileMissing`` and ``EnvFileUnreadable``."""
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise EnvFileMissing(f"{path} does not exist") from error
    except OSError as error:
        message = f"{path} cannot be read: {error.strerror}"
        raise EnvFileUnreadable(message) from error
    return EnvDocument.parse(decode(path, content))


def decode(path: Path, content: bytes) -> str:
    """The text of ``content``, read from ``path``, line ends untranslated.

    Raises ``EnvFileUnreadable`` when it is not UTF-8, or not text.
    """
    if b"\0" in content:
        raise EnvFileUnreadable(f"{path} is not a text file in UTF-8: it has NUL bytes")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
    # raised out here so that the content, which error holds, is not chained to it
    raise EnvFileUnreadable(f"{path} is not a text file in UTF-8: see line {line}")
