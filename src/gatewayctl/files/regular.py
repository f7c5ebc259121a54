"""Read a file that a person may have replaced by anything, such as a pipe or a device."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Final

MOST: Final = 4 * 1024 * 1024
"""Bytes of a file that is read into memory."""


def read_regular_file(path: Path, *, most: int = MOST) -> bytes:
    """Read all of it. Raises OSError, also if it has no end or more than ``most`` bytes."""
    # Without O_NONBLOCK the call would wait for a writer of a pipe.
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "Not a regular file", str(path))
        content = file.read(most + 1)
    if len(content) > most:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), str(path))
    return content
