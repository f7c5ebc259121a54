"""The shape of a finding: a known problem of a project, its machine or its stack."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gatewayctl.errors import GatewayctlError

Severity = Literal["error", "warning", "info"]
Area = Literal["settings", "secrets", "machine", "runtime", "services", "gateway", "traces"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A known problem. ``id`` never changes: scripts and links rely on it.

    ``remedy`` is a sentence, «Run `…`.» if one command is enough. ``fix`` completes the sentence
    «`gatewayctl doctor --fix` …»; None if a person has to decide. An ``info`` does not change the
    exit code.
    """

    id: str
    area: Area
    severity: Severity
    title: str
    meaning: str
    remedy: str
    fix: str | None = None

    @classmethod
    def of(
        cls,
        error: type[GatewayctlError],
        *,
        area: Area,
        title: str,
        meaning: str,
        fix: str | None = None,
    ) -> Finding:
        """The finding behind an error: its code is the id, its remedy the remedy."""
        return cls(
            id=error.code, area=area, severity="error", title=title, meaning=meaning,
            remedy=error.remedy, fix=fix,
        )  # fmt: skip

    @property
    def docs(self) -> str:
        """The section of the documentation about it."""
        return f"docs/troubleshooting.md#{self.id}"
