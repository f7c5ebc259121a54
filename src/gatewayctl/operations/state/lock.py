"""One state-changing verb at a time in a project.

Owns the lock file, which records who holds the lock. The kernel releases it when its owner exits.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from gatewayctl.errors import FileUnwritable, Locked
from gatewayctl.files.json_text import parse_json
from gatewayctl.files.lock import acquire_lock
from gatewayctl.files.owner import create_folder, give_to_sudo_user

_LOGGER: Final = logging.getLogger(__name__)


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

    Logs a warning that says for whom it waits. Raises Locked with the verb, process id and start of
    its owner, and FileUnwritable.
    """
    try:
        create_folder(state_dir, mode=0o700)
        lock = (state_dir / "lock").open("ab+", buffering=0)
        give_to_sudo_user(lock.fileno(), state_dir.stat())
    except OSError as error:
        raise FileUnwritable(f"Cannot write to {state_dir}: {error.strerror}.") from error
    with lock:
        if not _acquire(lock.fileno(), state_dir, timeout, clock, sleep):
            waited = f" Waited {timeout:g} s for it." if timeout else ""
            raise Locked(f"This project is being changed: {_owner(state_dir)}.{waited}")
        _LOGGER.info("took the lock of %s for %s", state_dir.parent, verb)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        # The record is for messages only: on a full disk the lock is held without it.
        with suppress(OSError):
            lock.truncate(0)
            lock.write(json.dumps({"pid": os.getpid(), "verb": verb, "since": now}).encode())
        yield


def _acquire(
    descriptor: int,
    state_dir: Path,
    timeout: float,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
) -> bool:
    """Take the lock, at once if it is free; else say for whom this waits."""
    if acquire_lock(descriptor, timeout=0):
        return True
    if not timeout:
        return False
    _LOGGER.warning(
        "Waiting up to %g s: this project is being changed: %s.", timeout, _owner(state_dir)
    )
    return acquire_lock(descriptor, timeout=timeout, clock=clock, sleep=sleep)


def _owner(state_dir: Path) -> str:
    try:
        record = parse_json((state_dir / "lock").read_text(encoding="utf-8"))
        return f"gatewayctl {record['verb']} (pid {record['pid']}) since {record['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "by a gatewayctl that has just started"
