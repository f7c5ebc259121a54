r"""Quote values so that three programs read them alike.

Owns the quoting. The programs are python-dotenv (with and without interpolation), Docker
Compose (compose-go's dotenv parser) and ``sh -c '. ./.env'``. Must not know files.

The forms, in the order in which they are tried, and how each program reads them:

bare
    unchanged in all three, for the characters of ``_BARE``. ``~`` is not one of them:
    sh expands it at the start and after a colon.
single quotes
    sh reads everything literally. python-dotenv decodes ``\\`` and ``\'``, Compose only
    ``\'``. So no ``'``, no two backslashes in a row, no backslash at the end.
double quotes
    All three decode ``\"`` and ``\\``. sh and Compose expand ``$``, for which python-dotenv
    has no escape, and sh runs backticks; so neither. python-dotenv 1.2.2 and older miss the
    closing quote behind an escaped backslash; so no backslash at the end or before a ``"``.
single quotes with ``\'``
    For python-dotenv and Compose alone, if the caller gives up sh, which cannot read the file then.

A line feed is a character like others inside quotes, for all three.
"""

from __future__ import annotations

import re
from typing import Final

from gatewayctl.errors import EnvValueUnsafe

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_BARE: Final = re.compile(r"[A-Za-z0-9._:/+=@%,-]*")
_NOT_IN_SINGLE_QUOTES: Final = re.compile(r"'|\\\\|\\\Z")
_NOT_IN_DOUBLE_QUOTES: Final = re.compile(r"[$`]|\\\"|\\\Z")
_NOT_WITH_ESCAPES: Final = re.compile(r"\\[\\']|\\\Z")
_NOT_AT_ALL: Final = (
    (re.compile(r"\0"), "a NUL byte, which no environment variable can contain"),
    (re.compile(r"\r"), "a carriage return, which programs read as a line break or not"),
    (re.compile(r"[\x01-\x08\x0b-\x1f\x7f]"), "a control character"),
    (re.compile("[\ud800-\udfff]"), "an unpaired surrogate, which UTF-8 cannot encode"),
    (re.compile(r"\$\{"), "`${`, which python-dotenv expands even inside single quotes"),
)
_NO_FORM_LEFT: Final = (
    "a mix of quotes, backslashes, dollar signs or backticks that no quoting makes unambiguous"
)


def check_name(name: str) -> None:
    """Raise ``EnvValueUnsafe`` for a name that not every program accepts."""
    if not _NAME.fullmatch(name):
        message = f"{name!r} is not a valid variable name in .env."
        raise EnvValueUnsafe(message, hint="Use letters, digits and _, but no digit at the start.")


def quote_value(name: str, value: str, *, bare: bool = True, sh: bool = True) -> str:
    """Return the text after ``NAME=`` that every program reads as ``value``.

    ``bare=False`` requires quotes, which a value needs before an inline comment: after an
    empty bare value Compose reads the comment as the value. ``sh=False`` allows a form that sh
    cannot read, if there is no other. Raises ``EnvValueUnsafe`` with the reason, never with the
    value.
    """
    for pattern, reason in _NOT_AT_ALL:
        if pattern.search(value):
            raise _unsafe(name, reason)
    if bare and _BARE.fullmatch(value):
        return value
    if not _NOT_IN_SINGLE_QUOTES.search(value):
        return f"'{value}'"
    if not _NOT_IN_DOUBLE_QUOTES.search(value):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    if not sh and not _NOT_WITH_ESCAPES.search(value):
        return "'" + value.replace("'", "\\'") + "'"
    raise _unsafe(name, _NO_FORM_LEFT)


def _unsafe(name: str, reason: str) -> EnvValueUnsafe:
    return EnvValueUnsafe(
        f"The value of {name} has {reason}: Compose, sh and python-dotenv would not read it alike."
    )
