"""Faults that a runtime finds in itself and can fix: an optional part of a runtime.

Owns the Protocol. Must not know how a finding is explained to people.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A fault: the id of its finding, and the evidence."""

    finding: str
    evidence: str


@runtime_checkable
class SelfCheck(Protocol):
    """A runtime that checks itself, and fixes what is safe to fix."""

    def find_faults(self) -> tuple[Fault, ...]:
        """Find faults; changes nothing, and works with nothing running."""

    def fix_fault(self, finding: str) -> str:
        """Fix one fault and return what was done; empty if there was nothing to do."""
