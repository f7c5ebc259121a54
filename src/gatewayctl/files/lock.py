"""Exclusive locks of the operating system: released when their owner exits, however it exits.

Owns waiting for a lock, and the lock of a folder: ``flock`` on the folder itself. It needs no
lock file, so a killed process leaves nothing behind, nothing belongs to the wrong user after a
``sudo``, and a read-only folder can be locked too. A file that is replaced as a whole cannot carry
its own lock. Readers take no lock.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from gatewayctl.errors import Locked

PATIENCE: Final = 10.0
"""Seconds to wait for another process that writes a file."""
_POLL_SECONDS: Final = 0.01


def acquire_lock(
    descriptor: int,
    *,
    timeout: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> bool:
    """Lock an open file or folder until it is closed; False if it is in use for ``timeout`` s."""
    deadline = clock() + timeout
    while True:
        with suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        left = deadline - clock()
        if left <= 0:
            return False
        sleep(min(_POLL_SECONDS, left))


@contextmanager
def hold_folder_lock(folder: Path, *, patience: float = PATIENCE) -> Iterator[int]:
    """Hold the lock of a folder; yields a descriptor of the folder, to work relative to.

    Waits at most ``patience`` seconds, then raises Locked. Raises OSError if the folder cannot be
    opened.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if not acquire_lock(descriptor, timeout=patience):
            raise Locked(f"Another process is writing files in {folder}.")
        yield descriptor
    finally:
        os.close(descriptor)
