r"""Which values three readers of .env agree on, and how each is written.

Owns the quoting. The readers are python-dotenv (with and without interpolation), Docker
Compose (compose-go's dotenv parser) and ``sh -c '. ./.env'``. Must not know files.

The forms, tried in this order, and what each reader makes of them:

bare
    as it stands in all three, for the characters of ``_BARE``. ``~`` is not among them:
    sh expands it at the start and after a colon.
single quotes
    sh takes everything as it stands. python-dotenv decodes ``\\`` and ``\'``, Compose only
    ``\'``. So no ``'``, no two backslashes in a row, no backslash at the end.
double quotes
    All three decode ``\"`` and ``\\``. sh and Compose expand ``$``, for which python-dotenv
    has no escape, and sh runs backticks; so neither. python-dotenv 1.2.2 and older miss the
    closing quote behind an escaped backslash; so no backslash at the end or before a ``"``.
"""

from __future__ import annotations

import re
from typing import Final

from gatewayctl.errors import EnvValueUnsafe

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_BARE: Final = re.compile(r"[A-Za-z0-9._:/+=@%,-]*")
_NOT_IN_SINGLE_QUOTES: Final = re.compile(r"'|\\\\|\\\Z")
_NOT_IN_DOUBLE_QUOTES: Final = re.compile(r"[$`]|\\\"|\\\Z")
_NOT_AT_ALL: Final = (
    (re.compile(r"\0"), "a NUL byte, which no environment variable can hold"),
    (re.compile(r"[\r\n]"), "a line break, which readers that go by lines take for another entry"),
    (re.compile(r"[\x01-\x08\x0b-\x1f\x7f]"), "a control character"),
    (re.compile("[\ud800-\udfff]"), "a character that UTF-8 cannot hold"),
    (re.compile(r"\$\{"), "`${`, which python-dotenv expands even inside single quotes"),
)
_NO_FORM_LEFT: Final = (
    "quotes, backslashes, dollar signs or backticks in a mix that no quoting makes read the same"
)


def check_name(name: str) -> None:
    """Raise ``EnvValueUnsafe`` for a name that is not a variable's name to every reader."""
    if not _NAME.fullmatch(name):
        message = f"{name!r} cannot be a variable in .env"
        raise EnvValueUnsafe(message, hint="Use letters, digits and _, not a digit first.")


def quote_value(name: str, value: str, *, bare: bool = True) -> str:
    """The text after ``NAME=`` that every reader takes for ``value``.

    ``bare=False`` asks for quotes, which a value needs before an inline comment: after an
    empty bare value Compose takes the comment for the value. Raises ``EnvValueUnsafe``
    with the reason, never with the value.
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
    raise _unsafe(name, _NO_FORM_LEFT)


def _unsafe(name: str, reason: str) -> EnvValueUnsafe:
    return EnvValueUnsafe(
        f"the value for {name} has {reason}: Compose, sh and python-dotenv would not agree on it"
    )
