"""The data folder of the embedded PostgreSQL, which can be a link to a folder on another disk.

Owns whether it has a cluster, and puts a new one there so that a killed initdb leaves nothing that
looks like one. Must not know how initdb is called.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

from gatewayctl.runtimes.embedded.layout import OF_THE_DISK, Layout
from gatewayctl.runtimes.embedded.postgres.privileges import PostgresUser

_PARTIAL: Final = "initdb.partial"
_COMPLETE: Final = "initdb.complete"


def has_cluster(layout: Layout) -> bool:
    """Whether there are data: not in an empty folder behind a link.

    What cannot be read, such as a disk that is not mounted, counts as data.
    """
    data = layout.postgres_data
    try:
        if not data.is_symlink() or not data.is_dir():
            return os.path.lexists(data)
        names = {path.name for path in data.iterdir()}
    except OSError:
        return True
    return _COMPLETE not in names and not names <= {_PARTIAL, OF_THE_DISK}


def create_cluster(layout: Layout, user: PostgresUser, initdb: Callable[[Path], None]) -> bool:
    """Create the cluster if it is missing; True when created. Raises what ``initdb`` raises.

    ``initdb`` creates one in a folder that does not exist. An existing one is never deleted.
    """
    if has_cluster(layout):
        return False
    user.own(layout.postgres_home)
    data = layout.postgres_data
    if data.is_symlink():
        _create_behind_link(data, user, initdb)
    else:
        partial = data.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        initdb(partial)
        partial.rename(data)
    return True


def _create_behind_link(data: Path, user: PostgresUser, initdb: Callable[[Path], None]) -> None:
    """Fill the folder behind a link, which stays in its place: it can be the root of a disk."""
    partial, complete = data / _PARTIAL, data / _COMPLETE
    if not complete.exists():
        user.own(data)
        # PostgreSQL refuses a folder that others can read.
        data.chmod(0o700)
        shutil.rmtree(partial, ignore_errors=True)
        initdb(partial)
        partial.rename(complete)
    for path in list(complete.iterdir()):
        path.rename(data / path.name)
    complete.rmdir()
