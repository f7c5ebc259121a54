"""The memory of this machine, as psutil reports it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """In bytes. ``available`` is what programs can get without swapping."""

    total: int
    available: int


def read_memory() -> Memory:
    """Read the machine's current memory; the limit of a container is not considered."""
    import psutil

    found = psutil.virtual_memory()
    return Memory(total=found.total, available=found.available)
