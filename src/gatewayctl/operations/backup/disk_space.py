"""Room on a disk for what a verb writes beside living data.

A full disk ends PostgreSQL, and the gateway with it. So what is only a copy gives up while there
is still some left. Owns how much that is. Must not know what is written.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from gatewayctl.errors import DiskFull

RESERVED_BYTES: Final = 200_000_000
"""Bytes that stay free: less than these and doctor calls the disk full."""


def require_free_space(free: int, where: str, *, wanted: int = 0) -> None:
    """Raise DiskFull where ``free`` bytes are not enough for ``wanted`` bytes more."""
    if free < RESERVED_BYTES + wanted:
        needs = f", and {_size(wanted)} more are to be written" if wanted else ""
        raise DiskFull(f"{where} has {_size(free)} free{needs}. Nothing was changed.")


def require_free_space_in(folder: Path, *, wanted: int = 0) -> None:
    """The same for the disk of a folder that is there."""
    require_free_space(shutil.disk_usage(folder).free, str(folder), wanted=wanted)


def _size(count: int) -> str:
    return f"{count / 1e6:.0f} MB"
