"""What an adoption moves: the variables there are, the texts that change, and what to report.

Owns these values. Must not know how anything is decided.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from gatewayctl.operations.project.adopt.report import AdoptedSecret, Notice
from gatewayctl.operations.project.adopt.sources import ConfigFile
from gatewayctl.settings.litellm.yaml_text import Span, ValuePath

SHORTEST_KNOWN: Final = 8
"""A shorter value is found in texts that have nothing to do with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """The variables there are: of .env, of this process, and of a .env beside the original."""

    env: Mapping[str, str] = field(repr=False)
    environ: Mapping[str, str] = field(repr=False)
    beside: Mapping[str, str] = field(default_factory=dict, repr=False)

    def old(self, name: str) -> str | None:
        """The value that the old gateway had, else that of the project, which may be adopted."""
        return self.environ.get(name) or self.beside.get(name) or self.env.get(name)


@dataclass(slots=True, kw_only=True)
class Moves:
    """What to change in each file, what to add to .env, and what to report."""

    values: dict[str, str] = field(default_factory=dict, repr=False)
    edits: dict[int, dict[Span, str]] = field(default_factory=dict, repr=False)
    secrets: list[AdoptedSecret] = field(default_factory=list)
    masked: list[str] = field(default_factory=list)
    notes: list[Notice] = field(default_factory=list)
    conflicts: list[Notice] = field(default_factory=list)

    def note(self, file: ConfigFile, line: int, message: str) -> None:
        self.notes.append(Notice(place=str(file.source(line)), message=message))

    def conflict(self, file: ConfigFile, line: int, message: str) -> None:
        self.conflicts.append(Notice(place=str(file.source(line)), message=message))

    def secret_values(self) -> set[str]:
        """The values that must be found nowhere any more."""
        names = {secret.name for secret in self.secrets}
        values = {value for name, value in self.values.items() if name in names}
        return {value for value in values if len(value) >= SHORTEST_KNOWN}


def show_path(path: ValuePath) -> str:
    """A path as people write it: ``model_list[0].litellm_params.api_key``."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".")
