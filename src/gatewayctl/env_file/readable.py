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

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ASSIGNED: Final = re.compile(rf"\A(?:export[ \t]+)?{_NAME.pattern}=(?P<value>.*)\Z", re.DOTALL)
_COMMENT: Final = re.compile(r"[ \t]+#[^\r\n]*\Z")
# Without quotes: no space of any kind, and nothing that sh, Compose or python-dotenv interprets.
_PLAIN: Final = re.compile(r"[^\s$`\\\"'|&;<>()~]*")


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
    document = read_document(path)
    first = 1 if document.mark else 0
    found = ((piece, _reason(piece, marked=piece.line == first)) for piece in document.statements)
    return tuple(
        AmbiguousLine(line=piece.line, name=str(piece.name), reason=reason)
        for piece, reason in found
        if reason
    )


def _reason(piece: Statement, *, marked: bool) -> str:
    """Explain why programs read a definition differently; empty if they do not.

    ``marked``: a byte order mark is before it.
    """
    if piece.name is None:
        return ""
    if piece.value is None:
        return "" if _NAME.fullmatch(piece.name) else "is neither NAME=value nor a comment"
    assigned = _ASSIGNED.match(piece.text.strip(" \t\r\n"))
    if assigned is None:
        return "has blanks around its =, or a name that is invalid in sh"
    if marked:
        return "follows a byte order mark, which sh and python-dotenv read as part of the name"
    text = assigned["value"]
    return _comment_reason(text) or _value_reason(piece, text)


def _comment_reason(text: str) -> str:
    """Compose ends a value without quotes only at a blank before ``#``."""
    comment = _COMMENT.search(text)
    if comment is None or text.startswith(("'", '"')):
        return ""
    if not comment.start():
        return "has only a comment, which Compose reads as the value"
    before = comment.group().partition("#")[0]
    tab = "has a tab before its comment, which Compose reads as part of the value"
    return tab if before.endswith("\t") else ""


def _value_reason(piece: Statement, text: str) -> str:
    name, value = str(piece.name), str(piece.value)
    if piece.text.rstrip("\n").endswith("\r"):
        return "ends in a carriage return, which sh reads as a part of the value"
    try:
        canonical = {quote_value(name, value, bare=bare) for bare in (True, False)}
    except EnvValueUnsafe as error:
        return f"has {error.message.partition(' has ')[2].partition(': Compose')[0]}"
    plain = _COMMENT.sub("", text)
    alike = canonical & ({text, plain} | _double_quoted(text)) or _PLAIN.fullmatch(plain)
    return "" if alike else "is not quoted as all of them need it"


def _double_quoted(text: str) -> set[str]:
    """A double-quoted value in single quotes, if no program would expand it."""
    body = _COMMENT.sub("", text)
    inner = body[1:-1]
    plain = body[:1] == body[-1:] == '"' and len(body) > 1 and not re.search(r"[$`\\\"'!]", inner)
    return {f"'{inner}'"} if plain else set()
