"""One writer of .env at a time.

Owns the lock: ``flock`` on the folder the file lies in. It needs no lock file, so nothing
is left behind by a killed process, nothing belongs to the wrong user after a ``sudo``,
and a folder that cannot be written can still be locked. The file itself cannot carry the
lock, because every write replaces it. Readers take no lock. Must not know what is written.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from gatewayctl.errors import Locked

PATIENCE: Final = 10.0
_PAUSE: Final = 0.01


@contextmanager
def hold_folder_lock(folder: Path, *, patience: float = PATIENCE) -> Iterator[int]:
    """Hold the folder's lock; yields a descriptor of the folder, to work relative to.

    Waits at most ``patience`` seconds, then raises ``Locked``. Raises ``OSError`` when the
    folder cannot be opened.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _wait_for(descriptor, folder, time.monotonic() + patience)
        yield descriptor
    finally:
        os.close(descriptor)


def _wait_for(descriptor: int, folder: Path, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                message = f"another process is changing .env files in {folder}"
                raise Locked(message) from None
            time.sleep(_PAUSE)
        else:
            return
