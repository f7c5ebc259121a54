"""Who owns what gatewayctl creates under sudo: the user who called sudo, in folders of theirs.

A file of root in a user's project would be unreadable for their next command without sudo. Folders
of anyone else, root included, get files of root as usual. Must not know what is created.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from gatewayctl.files.folders import require_folder


def create_folder(path: Path, *, mode: int = 0o777) -> None:
    """Create a folder and its parents if they are missing. Raises FolderUnusable and OSError."""
    if not path.parent.is_dir():
        create_folder(path.parent, mode=mode)
    try:
        path.mkdir(mode=mode)
    except FileExistsError:
        require_folder(path)
        return
    give_to_sudo_user(path, path.parent.stat())


def give_to_sudo_user(created: int | Path, folder: os.stat_result) -> None:
    """Give a new file or folder to the user who called sudo, if it is in a folder of theirs.

    ``created`` is a descriptor or a path. A file system without owners is no error.
    """
    caller = os.environ.get("SUDO_UID")
    if os.geteuid() == 0 and caller == str(folder.st_uid) and folder.st_uid != 0:
        with suppress(OSError):
            os.chown(created, folder.st_uid, folder.st_gid)
