"""The shape of a finding: one known problem of a project, its machine or its stack."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "info"]
Area = Literal["settings", "secrets", "machine", "runtime", "services", "gateway", "traces"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A known problem. ``id`` never changes: scripts and links rely on it.

    ``remedy`` is that of the failure with the same code, where there is one. ``fix`` completes
    «`gatewayctl doctor --fix` …»; None where a person has to decide. An ``info`` does not change
    the exit code.
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
        """The section of the documentation."""
        return f"docs/troubleshooting.md#{self.id}"
