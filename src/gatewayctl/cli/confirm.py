"""Asking before something is lost: the name of what loses it has to be typed."""

from __future__ import annotations

import sys

import typer

from gatewayctl.errors import ConfirmationRequired


def confirm_by_name(name: str, lost: str, *, yes: bool, what: str = "the project's name") -> None:
    """Go on only with --yes or when the name is typed on the terminal.

    ``what`` says whose name it is, such as ``the key's alias``.

    Raises ConfirmationRequired, and then nothing was done.
    """
    if yes:
        return
    if sys.stdin is None or not sys.stdin.isatty():
        raise ConfirmationRequired(f"This loses {lost}, and there is no terminal to ask on.")
    sys.stderr.write(f"This loses {lost}.\n")
    # On stderr: the question must not end up in a result that is piped (typer.prompt always
    # writes a blank to stdout).
    sys.stderr.write(f"Type {what} ({name}) to go on: ")
    sys.stderr.flush()
    typed = sys.stdin.readline()
    if not typed:
        raise typer.Abort
    if typed.strip() != name:
        raise ConfirmationRequired(
            f"That is not {what}; nothing was done.", hint=f"Type {name}, or add --yes."
        )
