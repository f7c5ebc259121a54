"""Streams that a console writes to: a pipe's end, or a terminal that remembers."""

from __future__ import annotations

import io

from gatewayctl.output.console import Console


class Terminal(io.StringIO):
    """What was written to a terminal, escape sequences and all."""

    def isatty(self) -> bool:
        return True


def piped(*, quiet: bool = False) -> tuple[Console, io.StringIO, io.StringIO]:
    """A console off a terminal, its stdout and its stderr."""
    out, err = io.StringIO(), io.StringIO()
    return Console(quiet=quiet, stdout=out, stderr=err), out, err


def on_a_terminal(*, quiet: bool = False) -> tuple[Console, Terminal, Terminal]:
    """A console on a terminal, its stdout and its stderr."""
    out, err = Terminal(), Terminal()
    return Console(quiet=quiet, stdout=out, stderr=err), out, err
