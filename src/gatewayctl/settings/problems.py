"""Problems of the settings: collected while loading, raised once.

Owns the wording shared by all checks. Must not know any one setting. Values that look
like keys are masked before they enter a message.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import Any, Final

from gatewayctl.errors import Problem, SettingsInvalid
from gatewayctl.settings.masking import mask
from gatewayctl.settings.model import Source

_SHOWN_CHARACTERS: Final = 40
# Long, without blanks and with a digit: a key rather than a word.
_KEY_LIKE: Final = re.compile(r"(?=.*\d)[A-Za-z0-9_\-/+=.]{16,}")


class Problems:
    """The problems of one load, sorted by file and line."""

    def __init__(self) -> None:
        self._found: list[tuple[Source, str]] = []

    def add(self, source: Source, message: str) -> None:
        """Record one problem; a repetition at the same place counts once."""
        # Messages quote names from the file: without keys, line breaks and terminal codes.
        message = mask(message)
        message = "".join(sign if sign.isprintable() else f"\\x{ord(sign):02x}" for sign in message)
        if (source, message) not in self._found:
            self._found.append((source, message))

    def raise_all(self) -> None:
        """Raise SettingsInvalid with every recorded problem, if there is one."""
        if not self._found:
            return
        ordered = sorted(self._found, key=lambda found: _place(found[0]))
        raise SettingsInvalid(
            problems=tuple(
                Problem(source=str(source), message=message) for source, message in ordered
            )
        )


def _place(source: Source) -> tuple[str, int, int]:
    return source.name, source.line or 0, source.column or 0


def suggest(name: str, known: Iterable[str]) -> str:
    """``(did you mean 'ports'?)``, or the known names if none is similar."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if close:
        return f"(did you mean '{close[0]}'?)"
    return f"(known: {', '.join(names)})" if names else "(none are declared)"


def quote(value: Any) -> str:
    """A wrong value as a message may show it: shortened, and never a key."""
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    if text.startswith("sk-") or _KEY_LIKE.fullmatch(text):
        return "a string that looks like a key"
    cut = text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"
    return repr(cut)
