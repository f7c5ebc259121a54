"""Streams for a console: a pipe, or a terminal that keeps what was written."""

from __future__ import annotations

import io

from gatewayctl.output.console import Console


class Terminal(io.StringIO):
    """What was written to a terminal, including escape sequences."""

    def isatty(self) -> bool:
        return True


def piped(*, quiet: bool = False) -> tuple[Console, io.StringIO, io.StringIO]:
    """A console without a terminal, with its stdout and stderr."""
    out, err = io.StringIO(), io.StringIO()
    return Console(quiet=quiet, stdout=out, stderr=err), out, err


def on_a_terminal(*, quiet: bool = False) -> tuple[Console, Terminal, Terminal]:
    """A console on a terminal, with its stdout and stderr."""
    out, err = Terminal(), Terminal()
    return Console(quiet=quiet, stdout=out, stderr=err), out, err
