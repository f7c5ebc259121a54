"""The edit of a document: a verdict on each name, the new text, and its verification.

Owns the rules of ``only_missing`` and ``expect``. Pure: must not touch files.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from gatewayctl.env_file.document import EnvDocument
from gatewayctl.errors import EnvValueUnsafe

Verdict = Literal["added", "changed", "removed", "unchanged", "conflict"]
_LONE_CARRIAGE_RETURN: Final = re.compile(r"\r(?!\n)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the caller wants of each name; None is to have it gone."""

    wanted: Mapping[str, str | None] = field(repr=False)
    only_missing: bool
    expect: Mapping[str, str | None] = field(repr=False)
    comment: str | None

    def verdict(self, document: EnvDocument, name: str) -> Verdict:
        """What is to become of ``name``, seen what ``document`` has."""
        current, wanted = document.get(name), self.wanted[name]
        if current == wanted and (wanted is not None or name not in document.definitions):
            return "unchanged"
        if name in self.expect and self.expect[name] != current:
            return "conflict"
        if wanted is None:
            return "removed"
        if self.only_missing and current:
            return "unchanged"
        return "added" if current is None else "changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvEdit:
    """The text to write, and what a reader must get from it."""

    text: str = field(repr=False)
    values: Mapping[str, str] = field(repr=False)
    verdicts: Mapping[str, Verdict]

    def select(self, verdict: Verdict) -> tuple[str, ...]:
        return tuple(name for name, given in self.verdicts.items() if given == verdict)

    def prove(self, path: Path) -> None:
        """Raise ``EnvValueUnsafe`` unless readers of the text get what was planned.

        A quote that is left open further up takes in what is written below it, and sh and
        Compose do not end a line at a carriage return alone, as python-dotenv does.
        """
        if lone := _LONE_CARRIAGE_RETURN.search(self.text):
            line = self.text.count("\n", 0, lone.start()) + 1
            message = f"{path} line {line} has a carriage return alone, which readers disagree on"
            raise EnvValueUnsafe(message, hint="Give the file line ends of one kind.")
        document = EnvDocument.parse(self.text)
        if document.values != self.values:
            differing = {name for name, _ in document.values.items() ^ self.values.items()}
            names = ", ".join(sorted(differing))
            message = f"{path} is left as it was: {names} would not read back as they should"
            broken = ", ".join(str(piece.line) for piece in document.statements if piece.broken)
            raise EnvValueUnsafe(message, hint=broken and f"Correct line {broken} of it first.")


def plan_edit(document: EnvDocument, wishes: Wishes) -> EnvEdit:
    """Apply ``wishes`` to ``document``. Raises ``EnvValueUnsafe``."""
    verdicts = {name: wishes.verdict(document, name) for name in wishes.wanted}
    written = {
        name: wanted
        for name, wanted in wishes.wanted.items()
        if wanted is not None and verdicts[name] in {"added", "changed"}
    }
    removed = {name for name, verdict in verdicts.items() if verdict == "removed"}
    kept = {name: value for name, value in document.values.items() if name not in removed}
    changed = document.without(removed).with_values(written, comment=wishes.comment)
    return EnvEdit(text=changed.text, values={**kept, **written}, verdicts=verdicts)
