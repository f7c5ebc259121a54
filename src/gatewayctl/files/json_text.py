"""Parse JSON that may be damaged: a state file, or what a program or a model wrote or logs."""

from __future__ import annotations

import json
from itertools import dropwhile
from typing import Any, Final

_TRACEBACK: Final = "Traceback (most recent call last)"
_FRAME: Final = '  File "'


def parse_json(text: str) -> Any:
    """Parse any text. Raises ValueError if it is not JSON, or nested too deep for the parser."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("nested too deep") from None


def shorten_tracebacks(log: str) -> str:
    """Reduce each traceback in a line of JSON to its error.

    Python frameworks nest sixty functions, and in JSON they are one line of many kilobytes. Lines
    of another form stay as they are, with the time before them.
    """
    return "\n".join(_shorten(line) if _TRACEBACK in line else line for line in log.splitlines())


def _shorten(line: str) -> str:
    time, brace, rest = line.partition("{")
    try:
        message = parse_json(brace + rest)["message"]
        lines: list[str] = str(message).rstrip().splitlines()
    except (ValueError, LookupError, TypeError):
        return line
    frames = [place for place, each in enumerate(lines) if each.startswith(_FRAME)]
    # The error may have indented lines too, such as a piece of configuration.
    after = lines[frames[-1] + 1 :] if frames else []
    error = "\n".join(dropwhile(_is_indented, after))
    return f"{time}{error}" if error else line


def _is_indented(line: str) -> bool:
    return line[:1].isspace()
