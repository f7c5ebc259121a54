"""What this machine has left: memory. Owns the question; psutil answers it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """In bytes. ``available`` is what programs can get without swapping."""

    total: int
    available: int


def read_memory() -> Memory:
    """The machine's memory now; a container's limit is not seen here."""
    import psutil

    found = psutil.virtual_memory()
    return Memory(total=found.total, available=found.available)
