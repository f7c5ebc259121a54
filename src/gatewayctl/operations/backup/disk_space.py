"""Free disk space for what a verb writes beside the databases.

A full disk stops PostgreSQL, and the gateway with it, so a verb that only writes a copy stops
while some space is still free. Owns how much that is. Must not know what is written.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from gatewayctl.errors import DiskFull
from gatewayctl.operations.diagnosis.disk import describe_disk

RESERVED_BYTES: Final = 200_000_000
"""Bytes that stay free: with less, doctor reports a full disk."""

_NOTHING: Final = 1_000_000
"""Bytes below which a disk is called full."""


def require_free_space(free: int, where: str, *, wanted: int = 0) -> None:
    """Raise DiskFull unless ``wanted`` bytes more leave the reserve of the ``free`` bytes."""
    if free < RESERVED_BYTES + wanted:
        needs = f", and {_size(wanted)} more are needed" if wanted else ""
        empty = "" if free >= _NOTHING else "No space left on the disk: "
        raise DiskFull(f"{empty}{where} has {_size(free)} free{needs}. Nothing was changed.")


def require_free_space_in(folder: Path, *, wanted: int = 0) -> None:
    """The same for the disk of a folder, which may not exist yet."""
    require_free_space(describe_disk(folder)[0], str(folder), wanted=wanted)


def _size(count: int) -> str:
    return f"{count / 1e6:.0f} MB"
