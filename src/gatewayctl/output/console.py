"""The two streams: results on stdout, narration on stderr.

Owns every write to a terminal. External text is never parsed as Rich markup. Must not know what
is shown.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TextIO

from gatewayctl.output.program import NAME, name_program
from gatewayctl.settings.masking import mask

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
    """Mask secrets and remove control characters."""
    return mask(strip_control(text))


@contextmanager
def _explain_unwritable() -> Iterator[None]:
    """Turn the failure of a full or broken stdout into one of ours; a closed pipe stays itself."""
    from gatewayctl.errors import RuntimeProblem

    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise RuntimeProblem(
            f"The result cannot be written to standard output: {error.strerror}.",
            hint="Redirect it to another file.",
        ) from None


class Verbatim(str):
    """The content of a file or an answer, in which nothing is a hint of ours."""

    __slots__ = ()


class Console:
    """The output of a command. ``quiet`` drops narration, never results or errors.

    Commands that a text names are shown as the user has to type them: with the ``program`` as it
    was called, the ``project_dir`` unless that is the current folder, and the ``runtime`` if it was
    given on the command line.
    """

    def __init__(
        self,
        *,
        quiet: bool = False,
        verbose: bool = False,
        program: str = NAME,
        project_dir: str | None = None,
        runtime: str | None = None,
        stdout: TextIO | None = None,
        stderr: TextIO | None = None,
    ) -> None:
        self.quiet = quiet
        self.verbose = verbose
        self.program = program
        self.project_dir = project_dir
        self.runtime = runtime
        self.stdout = stdout or sys.stdout
        self.stderr = stderr or sys.stderr

    @property
    def animated(self) -> bool:
        """True if stderr is a terminal that can be redrawn, and neither a log nor a CI uses it."""
        plain = self.quiet or self.verbose or os.environ.get("TERM") == "dumb" or "CI" in os.environ
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

    def result(self, renderables: Iterable[RenderableType], *, reveal: bool = False) -> None:
        """Print a verb's result on stdout; with ``reveal`` its lines are not masked."""
        target: RichConsole | None = None
        for item in renderables:
            if isinstance(item, str):
                # Rich would wrap or cut values that people copy. A name in them may hold an escape
                # sequence, which a file or a program gets unchanged and a terminal does not.
                named = item if isinstance(item, Verbatim) else self._name_program(item)
                shown = named if reveal else mask(named)
                self.result_text((strip_control(shown) if self.stdout.isatty() else shown) + "\n")
                continue
            if target is None:
                target = self.rich(self.stdout)
            with _explain_unwritable():
                target.print(self._name_program_in(item))

    def result_text(self, text: str) -> None:
        """Write text to stdout unchanged, and flush it."""
        with _explain_unwritable():
            self.stdout.write(text)
            self.stdout.flush()

    def say(self, text: str) -> None:
        """Print a line of narration on stderr."""
        if not self.quiet:
            self._narrate(f"{make_printable(text)}\n")

    def error(self, error: GatewayctlError) -> None:
        """Print a failure on stderr: what happened, then what to do."""
        color = self.stderr.isatty() and not os.environ.get("NO_COLOR")
        style = "1;31" if error.label == "Error" else "1;33"
        label = f"\033[{style}m{error.label}\033[0m" if color else error.label
        hint = f"Hint: {make_printable(error.hint)}\n" if error.hint else ""
        self._narrate(f"{label}: {make_printable(error.message)}\n{hint}")

    def _narrate(self, text: str) -> None:
        try:
            self.stderr.write(self._name_program(text))
            self.stderr.flush()
        except BrokenPipeError:
            raise
        except OSError:
            # A full disk behind stderr: the exit code still says how the command ended.
            pass

    def _name_program(self, text: str) -> str:
        return name_program(text, self.program, self.project_dir, self.runtime)

    def _name_program_in(self, item: RenderableType) -> RenderableType:
        from rich.padding import Padding
        from rich.text import Text

        if isinstance(item, Padding):
            sides = (item.top, item.right, item.bottom, item.left)
            return Padding(self._name_program_in(item.renderable), sides)
        if isinstance(item, Text) and f"`{NAME} " in item.plain:
            return Text(self._name_program(item.plain), style=item.style)
        return item
