"""Files written whole or not at all.

Owns the one way text files of the project are replaced: a new file beside the old one,
flushed to disk, then renamed over it. Must not know what is in them. (.env has a writer of
its own, with a lock: see env_file.)
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from gatewayctl.errors import FileUnwritable


def write_atomically(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Replace a file, or make it with its folders. A reader sees the old or the new one.

    Raises FileUnwritable with the system's reason; the old file is then as it was.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fchmod(file.fileno(), mode)
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _flush_folder(path.parent)
    except OSError as error:
        raise FileUnwritable(f"Cannot write {path}: {error.strerror}.") from error


def _flush_folder(folder: Path) -> None:
    """Make the rename itself survive a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
