"""One thing that can be wrong, as it is told everywhere. Owns its shape only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Severity = Literal["error", "warning", "info"]
Area = Literal["settings", "secrets", "machine", "runtime", "services", "gateway", "traces"]

DOCS: Final = "docs/troubleshooting.md"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that can be wrong. ``id`` never changes: scripts and links rely on it.

    ``remedy`` is one command where there is one. ``fix`` is what `doctor --fix` does about it;
    None where a person has to decide. An ``info`` is no reason for another exit code.
    """

    id: str
    area: Area
    severity: Severity
    title: str
    meaning: str
    remedy: str
    fix: str | None = None

    @property
    def docs(self) -> str:
        """The section about it."""
        return f"{DOCS}#{self.id}"
