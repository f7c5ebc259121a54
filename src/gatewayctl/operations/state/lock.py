"""One state-changing verb at a time in a project.

The kernel lets go of the lock when its holder dies, so a dead holder never blocks anybody.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Final

from gatewayctl.errors import FileUnwritable, Locked

_POLL_SECONDS: Final = 0.2


@contextmanager
def hold_lock(
    state_dir: Path,
    verb: str,
    *,
    timeout: float = 0,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[None]:
    """Hold the project's lock, waiting at most ``timeout`` seconds for it.

    Raises Locked, naming who holds it, since when, for what.
    """
    try:
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = (state_dir / "lock").open("ab+", buffering=0)
    except OSError as error:
        raise FileUnwritable(f"Cannot write to {state_dir}: {error.strerror}.") from error
    with lock:
        until = clock() + timeout
        while not _taken(lock):
            left = until - clock()
            if left <= 0:
                waited = f" Waited {timeout:g} s for it." if timeout else ""
                raise Locked(f"This project is being changed: {_holder(state_dir)}.{waited}")
            sleep(min(_POLL_SECONDS, left))
        now = datetime.now(UTC).isoformat(timespec="seconds")
        # Who holds it is only told; on a full disk the lock holds all the same.
        with suppress(OSError):
            lock.truncate(0)
            lock.write(json.dumps({"pid": os.getpid(), "verb": verb, "since": now}).encode())
        yield


def _taken(lock: IO[bytes]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(state_dir: Path) -> str:
    try:
        known = json.loads((state_dir / "lock").read_text(encoding="utf-8"))
        return f"gatewayctl {known['verb']} (pid {known['pid']}) since {known['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "by a gatewayctl that has just begun"
