"""Values of ``kubernetes:`` as the API server takes them: names, choices and counts.

A value that is null counts as not set. Must not know any one setting.
"""

from __future__ import annotations

import re
from typing import Final, TypeVar, cast

from gatewayctl.settings.cursor import Cursor
from gatewayctl.settings.problems import suggest

LABEL: Final = re.compile(r"[a-z0-9]([a-z0-9\-]{0,61}[a-z0-9])?")
SUBDOMAIN: Final = re.compile(rf"{LABEL.pattern}(\.{LABEL.pattern})*")
_Choice = TypeVar("_Choice", bound=str)


def read_choice(given: Cursor, choices: tuple[_Choice, ...], usual: _Choice) -> _Choice:
    """Read one of some strings; the default if it is not set."""
    if not given.is_set:
        return usual
    if given.value in choices:
        return cast("_Choice", given.value)
    near = f" {suggest(given.value, choices)}" if isinstance(given.value, str) else ""
    given.refuse(f"one of {', '.join(choices)}", hint=near if "did you mean" in near else "")
    return usual


def read_count(given: Cursor, usual: int, most: int) -> int:
    """Read an integer from 1."""
    if not given.is_set:
        return usual
    value = given.value
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= most:
        return value
    given.refuse(f"an integer from 1 to {most}")
    return usual


def read_boolean(given: Cursor, *, default: bool) -> bool:
    """Read true or false."""
    if given.is_set and not isinstance(given.value, bool):
        given.refuse("true or false")
    return given.value if isinstance(given.value, bool) else default


def read_text(given: Cursor) -> str | None:
    """Read a string."""
    return given.string() if given.is_set else None


def read_subdomain(given: Cursor) -> str | None:
    """Read the name of an object, which can have dots."""
    return read_name(given, SUBDOMAIN, "a name of lower-case letters, digits, hyphens and dots")


def read_name(given: Cursor, kind: re.Pattern[str], expected: str) -> str | None:
    """Read a string of a form; ``expected`` describes it."""
    if not given.is_set:
        return None
    if isinstance(given.value, str) and len(given.value) <= 253 and kind.fullmatch(given.value):
        return given.value
    given.refuse(expected)
    return None
