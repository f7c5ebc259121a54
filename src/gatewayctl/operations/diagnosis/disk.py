"""How full the disk of a project's data is: one wording for every verb that reports it.

Must not know how much a verb needs.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

_NEEDED: Final = 20_000_000
"""Bytes. PostgreSQL writes its log of changes in files of 16 MB: with less it cannot go on."""
_GIGABYTE: Final = 1_000_000_000


def describe_disk(state_dir: Path) -> tuple[int, str]:
    """The free bytes of the disk of a folder that may not exist yet, and a sentence about it."""
    folder = next(path for path in (state_dir, *state_dir.parents) if path.exists())
    usage = shutil.disk_usage(folder)
    return usage.free, f"{folder} has {format_size(usage.free)} of {format_size(usage.total)} free"


def describe_full_disk(state_dir: Path) -> str:
    """A sentence about a disk without free space for PostgreSQL; empty if there is some."""
    try:
        free, found = describe_disk(state_dir)
    except OSError:
        return ""
    return f"No space left on the disk: {found}." if free < _NEEDED else ""


def format_size(number: int) -> str:
    return f"{number / 1e9:.1f} GB" if number >= _GIGABYTE else f"{number / 1e6:.0f} MB"
