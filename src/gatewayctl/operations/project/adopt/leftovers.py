"""Remove secrets from the comments of an adopted configuration, and report those that stay.

Must not know which values moved, nor why.
"""

from __future__ import annotations

from gatewayctl.operations.project.adopt.moved import Moves, show_path
from gatewayctl.operations.project.adopt.secret_values import (
    has_secret_form,
    is_webhook,
    without_secrets,
)
from gatewayctl.operations.project.adopt.sources import Sources


def remove_from_comments(sources: Sources, moves: Moves) -> None:
    """Plan the removal of every secret in a comment."""
    for index, file in enumerate(sources.files):
        changed = without_secrets(file.yaml.comments, moves.secret_values())
        for comment in file.yaml.comments:
            if comment.span in changed:
                moves.masked.append(str(file.source(comment.line)))
        if changed:
            moves.edits.setdefault(index, {}).update(changed)


def report_leftovers(sources: Sources, moves: Moves) -> None:
    """Report a secret that is still there, such as in the name of an entry."""
    for index, file in enumerate(sources.files):
        edits = moves.edits.get(index, {})
        for value in file.yaml.values:
            if value.span in edits or not isinstance(value.value, str):
                continue
            if value.in_list and is_webhook(value.value):
                continue
            known = any(secret in value.value for secret in moves.secret_values())
            if known or (value.is_key and has_secret_form(value.value)):
                moves.conflict(
                    file, value.line, f"{show_path(value.path)} still contains a secret: remove"
                    " it in litellm.yaml",
                )  # fmt: skip
