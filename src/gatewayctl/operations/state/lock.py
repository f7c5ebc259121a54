"""One state-changing verb at a time in a project.

Owns the lock file, which records who holds the lock. The kernel releases it when its owner exits.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from gatewayctl.errors import FileUnwritable, Locked
from gatewayctl.files.json_text import parse_json
from gatewayctl.files.lock import acquire_lock


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

    Raises Locked with the verb, process id and start of its owner, and FileUnwritable.
    """
    try:
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = (state_dir / "lock").open("ab+", buffering=0)
    except OSError as error:
        raise FileUnwritable(f"Cannot write to {state_dir}: {error.strerror}.") from error
    with lock:
        if not acquire_lock(lock.fileno(), timeout=timeout, clock=clock, sleep=sleep):
            waited = f" Waited {timeout:g} s for it." if timeout else ""
            raise Locked(f"This project is being changed: {_owner(state_dir)}.{waited}")
        now = datetime.now(UTC).isoformat(timespec="seconds")
        # The record is for messages only: on a full disk the lock is held without it.
        with suppress(OSError):
            lock.truncate(0)
            lock.write(json.dumps({"pid": os.getpid(), "verb": verb, "since": now}).encode())
        yield


def _owner(state_dir: Path) -> str:
    try:
        record = parse_json((state_dir / "lock").read_text(encoding="utf-8"))
        return f"gatewayctl {record['verb']} (pid {record['pid']}) since {record['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "by a gatewayctl that has just started"
