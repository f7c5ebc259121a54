"""Confirmation: of data that is lost, by the name of what loses it, and of a new project."""

from __future__ import annotations

import sys
from pathlib import Path

import typer

from gatewayctl.errors import ConfirmationRequired, ProjectMissing


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


def confirm_new_project(folder: Path, *, yes: bool) -> None:
    """Continue only with --yes or the user's consent on the terminal. Raises ProjectMissing."""
    if yes:
        return
    missing = f"There is no gateway project in {folder}: neither gateway.yaml nor .env."
    if sys.stdin is None or not sys.stdin.isatty():
        raise ProjectMissing(
            missing,
            hint="Create one with `gatewayctl init`, or create and start it with "
            "`gatewayctl up --yes`; or select the folder of one with -C DIR.",
        )
    sys.stderr.write(f"{missing}\nCreate one here and start it? [y/N]: ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise ProjectMissing("No project was created.")
