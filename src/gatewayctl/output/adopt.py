"""Renders the report of `init --from`: what was taken over, and what is left to do.

Lines are at most 80 columns wide, but for a path or a command that is longer itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from textwrap import wrap
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from gatewayctl.operations.project.adopt.report import AdoptReport

_WIDTH: Final = 80
_INDENT: Final = " " * 9
_QUOTED: Final = re.compile(r"`[^`]*`")
_PATH: Final = re.compile(r"^(adopted |Nothing changed:) +/")
_BLANK: Final = "\N{NO-BREAK SPACE}"


def render_adopted(report: AdoptReport) -> Iterator[str]:
    """What was moved, copied and set, then what is to know and to do."""
    yield f"adopted  {report.source}"
    for file in report.files:
        private = " (mode 0600, ignored by git)" if file.private else ""
        yield f"{file.state.replace('unchanged', 'kept'):<9}{file.path}{private}"
    for secret in report.secrets:
        yield f"secret   {secret.name} from {secret.file} line {secret.line}, {secret.path}"
    if report.variables:
        yield f"variable {', '.join(report.variables)}"
    for place in report.masked:
        yield f"removed  a secret in a comment: {place}"
    for name, value in report.services.items():
        yield f"set      {name}: {value}"
    for label, notices in (("Note", report.notes), ("To do", report.conflicts)):
        yield from (f"{label}: {notice.place}: {notice.message}" for notice in notices)


def fit_width(lines: Iterable[str]) -> Iterator[str]:
    """Wrap lines at 80 columns; a path and what is in backquotes stay on one line, to be copied."""
    for line in lines:
        if _PATH.search(line):
            yield line
            continue
        kept = _QUOTED.sub(lambda found: found[0].replace(" ", _BLANK), line)
        # Columns follow a word of at most eight letters.
        indent = _INDENT if re.match(r"\w{2,8} +\S", line[:10]) and line[8:9] == " " else "  "
        parts = wrap(
            kept,
            _WIDTH,
            subsequent_indent=indent,
            break_long_words=False,
            break_on_hyphens=False,
        )
        yield from (part.replace(_BLANK, " ") for part in parts)
