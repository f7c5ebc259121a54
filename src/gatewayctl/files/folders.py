"""Folders that gatewayctl needs, and what else can be in their place.

A link can lead to a disk that is not mounted, a file can have the name of a folder, and a folder
can belong to another user. Owns how that is reported. Must not know what the folders are for.
"""

from __future__ import annotations

import errno
import os
import shlex
import stat
from pathlib import Path
from typing import Final

from gatewayctl.errors import FolderUnusable

READ: Final = os.R_OK | os.X_OK
WRITE: Final = READ | os.W_OK


def require_folder(path: Path, *, access: int = READ) -> None:
    """Raise FolderUnusable for anything but a folder that we may use; a missing one passes.

    ``access`` is READ or WRITE.
    """
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        if path.is_symlink():
            raise _unusable(
                f"{path} is a link to {path.readlink()}, which does not exist.",
                "Mount or create what it leads to, or remove the link",
            ) from None
        return
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise _unusable(f"{path} is a link that leads to itself.", "Remove it") from None
        if isinstance(error, NotADirectoryError) and path.parent != path:
            require_folder(path.parent)
        raise _forbidden(path, error.strerror or "it cannot be read") from None
    if not stat.S_ISDIR(mode):
        raise _unusable(f"{path} is not a folder, and gatewayctl needs one there.", "Move it away")
    if not os.access(path, access, effective_ids=os.access in os.supports_effective_ids):
        is_read_only = os.statvfs(path).f_flag & os.ST_RDONLY
        raise _forbidden(path, "its disk is read-only" if is_read_only else "no permission")


def explain_os_error(error: OSError, folder_name: str) -> FolderUnusable | None:
    """The failure behind an error of the system at a path below a folder of this name, if any."""
    path = Path(os.fsdecode(error.filename)) if isinstance(error.filename, str | bytes) else None
    if path is None or folder_name not in path.parts:
        return None
    depth = path.parts.index(folder_name) + 1
    try:
        for end in range(depth, len(path.parts)):
            require_folder(Path(*path.parts[:end]))
    except FolderUnusable as found:
        return found
    return _forbidden(path, error.strerror or str(error))


def _forbidden(path: Path, reason: str) -> FolderUnusable:
    return _unusable(
        f"{path} cannot be used: {reason}.",
        f"Correct its owner, its mode (`ls -ld {shlex.quote(str(path))}`) or its disk",
    )


def _unusable(message: str, remedy: str) -> FolderUnusable:
    return FolderUnusable(message, hint=f"{remedy}, then run the command again.")
