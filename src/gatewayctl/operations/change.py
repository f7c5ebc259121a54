"""What every state-changing verb does around its work: hold the project's lock, write it down."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from gatewayctl.operations.audit import Record, recorded
from gatewayctl.operations.lock import held
from gatewayctl.settings.model import Settings


@contextmanager
def change(settings: Settings, verb: str, subject: str = "") -> Iterator[Record]:
    """Hold the lock (waiting at most ``settings.lock_timeout`` seconds) and keep the audit log.

    Raises Locked, naming who holds it, and FileUnwritable.
    """
    with (
        held(settings.state_dir, verb, timeout=settings.lock_timeout),
        recorded(settings.state_dir, verb, subject) as record,
    ):
        yield record
