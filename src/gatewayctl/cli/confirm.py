"""Asking before something is lost: the project's name has to be typed."""

from __future__ import annotations

import sys

import typer

from gatewayctl.errors import ConfirmationRequired


def by_name(name: str, lost: str, *, yes: bool) -> None:
    """Go on only with --yes or when the name is typed on the terminal.

    Raises ConfirmationRequired, and then nothing was done.
    """
    if yes:
        return
    if sys.stdin is None or not sys.stdin.isatty():
        raise ConfirmationRequired(f"This loses {lost}, and there is no terminal to ask on.")
    sys.stderr.write(f"This loses {lost}.\n")
    # On stderr: the prompt must not end up in a result that is piped.
    typed = typer.prompt(
        f"Type the project's name ({name}) to go on", err=True, default="", show_default=False
    )
    if typed.strip() != name:
        raise ConfirmationRequired(
            "That is not the project's name; nothing was done.", hint=f"Type {name}, or add --yes."
        )
