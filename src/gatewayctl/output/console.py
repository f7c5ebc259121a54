"""The two streams: results on stdout, narration on stderr.

Owns every write to a terminal. External text is never parsed as Rich markup. Must not know what
is shown.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, TextIO

from gatewayctl.settings.masking import mask_keys

if TYPE_CHECKING:
    from rich.console import Console as RichConsole
    from rich.console import RenderableType

    from gatewayctl.errors import GatewayctlError

# Programs write colors and cursor movements into their logs; a terminal must not obey them.
_CONTROL: Final = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"
    r"|[\x00-\x08\x0b-\x1f\x7f-\x9f]"
)
_PLAIN_WIDTH: Final = 100
"""Columns of output that is piped or redirected."""


def strip_control(text: str) -> str:
    """Remove escape sequences and control characters; line breaks and tabs stay."""
    return _CONTROL.sub("", text)


def make_printable(text: str) -> str:
    """Mask keys and remove control characters."""
    return mask_keys(strip_control(text))


class Console:
    """The output of a command. ``quiet`` drops narration, never results or errors."""

    def __init__(
        self,
        *,
        quiet: bool = False,
        stdout: TextIO | None = None,
        stderr: TextIO | None = None,
    ) -> None:
        self.quiet = quiet
        self.stdout = stdout or sys.stdout
        self.stderr = stderr or sys.stderr

    @property
    def animated(self) -> bool:
        """True if stderr is a terminal that can be redrawn, without --quiet and outside CI."""
        plain = self.quiet or os.environ.get("TERM") == "dumb" or "CI" in os.environ
        return self.stderr.isatty() and not plain

    def rich(self, stream: TextIO) -> RichConsole:
        """Create a Rich console on a stream; off a terminal its width is COLUMNS, or 100."""
        from rich.console import Console as RichConsole

        columns = os.environ.get("COLUMNS", "")
        wide = int(columns) if columns.isdecimal() and int(columns) > 0 else _PLAIN_WIDTH
        width = None if stream.isatty() else wide
        return RichConsole(
            file=stream, width=width, markup=False, highlight=False, emoji=False, soft_wrap=False
        )

    def result(self, renderables: Iterable[RenderableType]) -> None:
        """Print a verb's result on stdout."""
        target: RichConsole | None = None
        for item in renderables:
            if isinstance(item, str):
                # Rich would wrap or cut values that people copy. A name in them may hold an escape
                # sequence, which a file or a program gets unchanged and a terminal does not.
                shown = strip_control(item) if self.stdout.isatty() else item
                self.result_text(shown + "\n")
                continue
            if target is None:
                target = self.rich(self.stdout)
            target.print(item)

    def result_text(self, text: str) -> None:
        """Write text to stdout unchanged, and flush it."""
        self.stdout.write(text)
        self.stdout.flush()

    def say(self, text: str) -> None:
        """Print a line of narration on stderr."""
        if not self.quiet:
            self.stderr.write(make_printable(text) + "\n")
            self.stderr.flush()

    def error(self, error: GatewayctlError) -> None:
        """Print a failure on stderr: what happened, then what to do."""
        color = self.stderr.isatty() and not os.environ.get("NO_COLOR")
        label = "\033[1;31mError\033[0m" if color else "Error"
        self.stderr.write(f"{label}: {make_printable(error.message)}\n")
        if error.hint:
            self.stderr.write(f"Hint: {make_printable(error.hint)}\n")
        self.stderr.flush()
