"""The two streams: results on stdout, narration on stderr.

Owns every write to a terminal. External text is never read as Rich markup. Must not know
what is shown.
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, TextIO

from gatewayctl.settings.masking import mask_keys

if TYPE_CHECKING:
    from rich.console import Console as RichConsole
    from rich.console import RenderableType

    from gatewayctl.errors import GatewayctlError

# Programs write colours and cursor movements into their logs; a terminal must not obey them.
_CONTROL: Final = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"
    r"|[\x00-\x08\x0b-\x1f\x7f-\x9f]"
)
_PLAIN_WIDTH: Final = 100


def strip_control(text: str) -> str:
    """The text without what a terminal would obey; line breaks and tabs stay."""
    return _CONTROL.sub("", text)


class Console:
    """Where a command speaks. ``quiet`` drops narration, never results or errors."""

    def __init__(
        self,
        *,
        quiet: bool = False,
        json: bool = False,
        stdout: TextIO | None = None,
        stderr: TextIO | None = None,
    ) -> None:
        self.quiet = quiet
        self.json = json
        self.stdout = stdout or sys.stdout
        self.stderr = stderr or sys.stderr
        self.started = time.monotonic()

    @property
    def animated(self) -> bool:
        """True when stderr is a terminal that can be redrawn, and nobody asked for quiet."""
        plain = self.quiet or os.environ.get("TERM") == "dumb" or "CI" in os.environ
        return self.stderr.isatty() and not plain

    def rich(self, stream: TextIO) -> RichConsole:
        """A Rich console on one stream; off a terminal it is wide enough not to cut."""
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
                # Values to be copied must not be wrapped or cut by a table's width.
                self.result_text(item + "\n")
                continue
            if target is None:
                target = self.rich(self.stdout)
            target.print(item)

    def result_text(self, text: str) -> None:
        """Print raw text on stdout at once, as it is."""
        self.stdout.write(text)
        self.stdout.flush()

    def say(self, text: str) -> None:
        """Narrate one line on stderr."""
        if not self.quiet:
            self.stderr.write(mask_keys(strip_control(text)) + "\n")
            self.stderr.flush()

    def error(self, error: GatewayctlError) -> None:
        """Print a failure on stderr: what happened, then what to do."""
        colour = self.stderr.isatty() and not os.environ.get("NO_COLOR")
        label = "\033[1;31mError\033[0m" if colour else "Error"
        self.stderr.write(f"{label}: {mask_keys(strip_control(error.message))}\n")
        if error.hint:
            self.stderr.write(f"Hint: {mask_keys(strip_control(error.hint))}\n")
        self.stderr.flush()
