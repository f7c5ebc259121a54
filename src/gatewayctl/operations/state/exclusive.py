"""What every state-changing verb does around its work: hold the project's lock, write it down."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from gatewayctl.operations.state.audit import AuditRecord, record_verb
from gatewayctl.operations.state.lock import hold_lock
from gatewayctl.operations.state.restore_journal import require_restore_finished
from gatewayctl.settings.model import Settings

_WHILE_UNFINISHED: Final = frozenset({"restore", "down", "down --volumes"})
"""What may be done to a project whose restore is halfway: go on, stop, or give all of it up."""


@contextmanager
def change_project(settings: Settings, verb: str, subject: str = "") -> Iterator[AuditRecord]:
    """Hold the lock (waiting at most ``settings.lock_timeout`` seconds) and keep the audit log.

    Raises Locked, naming who holds it, RestoreUnfinished and FileUnwritable.
    """
    with (
        hold_lock(settings.state_dir, verb, timeout=settings.lock_timeout),
        record_verb(settings.state_dir, verb, subject) as record,
    ):
        if verb not in _WHILE_UNFINISHED:
            require_restore_finished(settings)
        yield record
