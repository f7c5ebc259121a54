"""The third-party software that a runtime installed itself: an optional part of a runtime.

Owns the Protocol. Must not know in which format it is listed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class SoftwareComponent:
    """A package. ``purl`` is its package URL; ``license`` is what the package states, or empty."""

    purl: str
    name: str
    version: str
    license: str
    kind: Literal["library", "application"] = "library"


@runtime_checkable
class Components(Protocol):
    """A runtime that knows what it installed."""

    def list_components(self) -> tuple[SoftwareComponent, ...]:
        """Every installed package once, sorted. Raises EnvironmentBroken without any."""
