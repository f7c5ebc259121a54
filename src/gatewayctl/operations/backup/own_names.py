"""Which names of the project's own files a backup takes, and how much of them.

A name comes from a file that anybody may have written, and becomes a path: so the same checks hold
for writing and for reading a backup. Owns these checks and limits. Must not know which files a
project has.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import PurePosixPath
from typing import Final

from gatewayctl.operations.backup.tar import is_nameable

FOLDER: Final = "project/"
"""What the names of the project's own files start with in a backup."""
MIB: Final = 1024 * 1024
MOST_BYTES: Final = 16 * MIB
"""Of one file, and of one folder."""
MOST_BYTES_IN_ALL: Final = 64 * MIB
MOST_FILES: Final = 1000

_RESERVED: Final = frozenset(
    {".env", ".env.gatewayctl-tmp", "gateway.yaml", ".gitignore", ".gatewayctl", "compose"}
)
"""Files and folders that gatewayctl itself writes."""
_GIT: Final = ".git"
"""In any folder: its configuration names programs that git runs."""


def explain_unsafe(name: str) -> str:
    """Why a path relative to the project is not taken; empty for one that is."""
    parts = name.split("/")
    if not name.isprintable() or "\\" in name:
        return "its name has a character that a backup does not take"
    if {"", ".", ".."}.intersection(parts):
        return "its path is not one inside of the project's folder"
    # Disks of macOS ignore case.
    lowered = [part.casefold() for part in parts]
    if lowered[0] in _RESERVED or _GIT in lowered:
        return "its place belongs to gatewayctl or to git"
    if not is_nameable(f"{FOLDER}{name}"):
        return "its path is too long"
    return ""


def require_safe_names(names: Collection[str]) -> None:
    """Raise ValueError unless all of them can be files in one project."""
    if len(names) > MOST_FILES:
        raise ValueError("too many files")
    for name in names:
        if why := explain_unsafe(name):
            raise ValueError(why)
        if any(str(parent) in names for parent in PurePosixPath(name).parents):
            raise ValueError("a file in the place of a folder")
