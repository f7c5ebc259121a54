"""What a runtime finds wrong with itself, where it can look: an optional part of a runtime.

Owns the Protocol. Must not know what a finding means to people.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something wrong: the id of its finding, and what was seen."""

    finding: str
    evidence: str


@runtime_checkable
class SelfCheck(Protocol):
    """A runtime that can be examined, and cured of what is safe to cure."""

    def find_faults(self) -> tuple[Fault, ...]:
        """Look; changes nothing, and works with nothing running."""

    def cure(self, finding: str) -> str:
        """Put one right and say what was done; empty where there was nothing to do."""
