"""Confirmation: of data that is lost, by the name of what loses it, of a new project, and of the
cluster that a project is started in.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from gatewayctl.errors import ConfirmationRequired, ProjectMissing

if TYPE_CHECKING:
    from gatewayctl.runtimes.kubernetes.context import ChosenContext


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


def confirm_new_secrets(place: ChosenContext, *, yes: bool) -> None:
    """Continue only with --yes or consent to give a stack that runs other secrets than it has.

    Its virtual keys cannot be read back: LiteLLM has their hashes. Raises ConfirmationRequired.
    """
    if yes:
        return
    _ask(
        f"The stack in {place} was started with another .env: `up` would replace its master key"
        " and its declared virtual keys, and applications with the old ones would be refused.",
        "Replace them?",
        hint="Copy the .env that it was started with into this folder. If that is lost, add --yes.",
    )


def confirm_context(
    place: ChosenContext, *, before: ChosenContext | None, declared: bool, yes: bool
) -> None:
    """Continue only with --yes or the user's consent on the terminal to start in this cluster.

    ``before`` is where the project was started, and ``declared`` whether gateway.yaml names the
    context. Raises ConfirmationRequired.
    """
    if yes:
        return
    known = (
        f"This project runs in {before}, and would be started in {place}, without its data."
        if before
        else f"This project would be started in {place}."
    )
    name = "" if declared else f", or set kubernetes.context: {place.context} in gateway.yaml"
    _ask(
        known,
        "Is that the right cluster?",
        hint=f"If that is the right cluster, add --yes{'' if before else name}.",
        refused="Set kubernetes.context and kubernetes.namespace in gateway.yaml.",
    )


def _ask(known: str, question: str, *, hint: str, refused: str | None = None) -> None:
    """Ask on the terminal. ``hint`` is for where there is none, ``refused`` for who says no."""
    if sys.stdin is None or not sys.stdin.isatty():
        raise ConfirmationRequired(f"{known} Nothing was changed.", hint=hint)
    sys.stderr.write(f"{known}\n{question} [y/N]: ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise ConfirmationRequired("Nothing was changed.", hint=refused or hint)
