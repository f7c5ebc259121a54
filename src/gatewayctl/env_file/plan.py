"""Plan a change of a document: a verdict on each name, and the new text, verified.

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
class EnvRequest:
    """What the caller asks for: the new value of each name, or None to remove it.

    With ``source``, definitions are copied from that document as they are written there. Without
    ``sh``, values may need a form that sh cannot read.
    """

    requested: Mapping[str, str | None] = field(repr=False)
    only_missing: bool
    expect: Mapping[str, str | None] = field(repr=False)
    comment: str | None
    source: EnvDocument | None = field(default=None, repr=False)
    sh: bool = True

    def verdict(self, document: EnvDocument, name: str) -> Verdict:
        """Decide on ``name``, given its value in ``document``."""
        current, requested = document.get(name), self.requested[name]
        if current == requested and (requested is not None or name not in document.definitions):
            return "unchanged"
        if name in self.expect and self.expect[name] != current:
            return "conflict"
        if requested is None:
            return "removed"
        if self.only_missing and current:
            return "unchanged"
        return "added" if current is None else "changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvEdit:
    """The text to write, and the values that must be read from it."""

    text: str = field(repr=False)
    values: Mapping[str, str] = field(repr=False)
    verdicts: Mapping[str, Verdict]
    copied: bool = False

    def names_with(self, verdict: Verdict) -> tuple[str, ...]:
        return tuple(name for name, given in self.verdicts.items() if given == verdict)

    def verify(self, path: Path) -> None:
        """Raise ``EnvValueUnsafe`` unless the text is read as planned.

        An open quote further up takes in the lines below it, and sh and Compose do not end a
        line at a carriage return alone, as python-dotenv does; a copied line may contain one.
        """
        lone = None if self.copied else _LONE_CARRIAGE_RETURN.search(self.text)
        if lone is not None:
            line = self.text.count("\n", 0, lone.start()) + 1
            message = f"{path} line {line} has a carriage return without a line feed."
            raise EnvValueUnsafe(message, hint="Use one kind of line ends in the file.")
        document = EnvDocument.parse(self.text)
        if document.values != self.values:
            differing = {name for name, _ in document.values.items() ^ self.values.items()}
            names = ", ".join(sorted(differing))
            message = f"{path} was not changed: {names} would not be read back correctly"
            broken = ", ".join(str(piece.line) for piece in document.statements if piece.broken)
            raise EnvValueUnsafe(message, hint=broken and f"Correct line {broken} of it first.")


def plan_edit(document: EnvDocument, request: EnvRequest) -> EnvEdit:
    """Apply ``request`` to ``document``. Raises ``EnvValueUnsafe``."""
    verdicts = {name: request.verdict(document, name) for name in request.requested}
    written = {
        name: value
        for name, value in request.requested.items()
        if value is not None and verdicts[name] in {"added", "changed"}
    }
    removed = {name for name, verdict in verdicts.items() if verdict == "removed"}
    kept = {name: value for name, value in document.values.items() if name not in removed}
    remaining = document.without(removed)
    if request.source is None:
        changed = remaining.with_values(written, comment=request.comment, sh=request.sh)
    else:
        lines = {name: request.source.definitions[name] for name in written}
        changed = remaining.with_definitions(lines, comment=request.comment)
    return EnvEdit(
        text=changed.text,
        values={**kept, **written},
        verdicts=verdicts,
        copied=request.source is not None,
    )
