"""Find the values in a .env file that programs read differently.

Owns the check of existing lines; values.py owns how a value is written. No message contains a
value. Must not know what the names mean.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gatewayctl.env_file.read import read_document
from gatewayctl.env_file.statement import Statement
from gatewayctl.env_file.values import quote_value
from gatewayctl.errors import EnvValueUnsafe

_ASSIGNED: Final = re.compile(
    r"\A(?:export[ \t]+)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)=(?P<value>.*)\Z", re.DOTALL
)
_COMMENT: Final = re.compile(r"[ \t]+#[^\r\n]*\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class AmbiguousLine:
    """A definition, its line (from 1), and why programs read it differently."""

    line: int
    name: str
    reason: str


def find_ambiguous_lines(path: Path) -> tuple[AmbiguousLine, ...]:
    """Find the definitions that Compose, sh and python-dotenv do not read alike.

    Raises EnvFileMissing and EnvFileUnreadable.
    """
    found = ((piece, _reason(piece)) for piece in read_document(path).statements)
    return tuple(
        AmbiguousLine(line=piece.line, name=str(piece.name), reason=reason)
        for piece, reason in found
        if reason
    )


def _reason(piece: Statement) -> str:
    """Explain why programs read a definition differently; empty if they do not."""
    if piece.name is None or piece.value is None:
        return ""
    assigned = _ASSIGNED.match(piece.text.strip())
    if assigned is None:
        return "has blanks around its =, or a name that is invalid in sh"
    if piece.text.rstrip("\n").endswith("\r"):
        return "ends in a carriage return, which sh reads as a part of the value"
    try:
        canonical = {quote_value(piece.name, piece.value, bare=bare) for bare in (True, False)}
    except EnvValueUnsafe as error:
        return f"has {error.message.partition(' has ')[2].partition(': Compose')[0]}"
    text = assigned["value"]
    forms = {text, _COMMENT.sub("", text)} | _double_quoted(text)
    return "" if forms & canonical else "is not quoted as all of them need it"


def _double_quoted(text: str) -> set[str]:
    """A double-quoted value in single quotes, if no program would expand it."""
    body = _COMMENT.sub("", text)
    inner = body[1:-1]
    plain = body[:1] == body[-1:] == '"' and len(body) > 1 and not re.search(r"[$`\\\"'!]", inner)
    return {f"'{inner}'"} if plain else set()
