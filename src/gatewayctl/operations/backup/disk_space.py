"""Free disk space for what a verb writes beside the databases.

A full disk stops PostgreSQL, and the gateway with it, so a verb that only writes a copy stops
while some space is still free. Owns how much that is. Must not know what is written.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from gatewayctl.errors import DiskFull

RESERVED_BYTES: Final = 200_000_000
"""Bytes that stay free: with less, doctor reports a full disk."""


def require_free_space(free: int, where: str, *, wanted: int = 0) -> None:
    """Raise DiskFull unless ``wanted`` bytes more leave the reserve of the ``free`` bytes."""
    if free < RESERVED_BYTES + wanted:
        needs = f", and {_size(wanted)} more are needed" if wanted else ""
        raise DiskFull(f"{where} has {_size(free)} free{needs}. Nothing was changed.")


def require_free_space_in(folder: Path, *, wanted: int = 0) -> None:
    """The same for the disk of an existing folder."""
    require_free_space(shutil.disk_usage(folder).free, str(folder), wanted=wanted)


def _size(count: int) -> str:
    return f"{count / 1e6:.0f} MB"
