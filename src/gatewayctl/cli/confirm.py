"""Confirmation before data is lost: the user types the name of what loses it."""

from __future__ import annotations

import sys

import typer

from gatewayctl.errors import ConfirmationRequired


def confirm_by_name(name: str, lost: str, *, yes: bool, what: str = "the project's name") -> None:
    """Continue only with --yes or after the name was typed on the terminal.

    ``what`` describes the name, such as ``the key's alias``. Raises ConfirmationRequired.
    """
    if yes:
        return
    if sys.stdin is None or not sys.stdin.isatty():
        raise ConfirmationRequired(f"This deletes {lost}, and there is no terminal to confirm.")
    sys.stderr.write(f"This deletes {lost}.\n")
    # On stderr, so that the question is not part of a piped result (typer.prompt always writes a
    # blank to stdout).
    sys.stderr.write(f"Type {what} ({name}) to continue: ")
    sys.stderr.flush()
    typed = sys.stdin.readline()
    if not typed:
        raise typer.Abort
    if typed.strip() != name:
        raise ConfirmationRequired(
            f"That is not {what}. Nothing was changed.", hint=f"Type {name}, or add --yes."
        )
