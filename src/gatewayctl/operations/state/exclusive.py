"""What every state-changing verb does around its work: hold the project's lock, log the verb."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from gatewayctl.operations.state.audit import AuditRecord, record_verb
from gatewayctl.operations.state.lock import hold_lock
from gatewayctl.operations.state.restore_journal import require_restore_finished
from gatewayctl.settings.model import Settings

_WHILE_UNFINISHED: Final = frozenset({"restore", "down", "down --volumes"})
"""Verbs allowed while a restore is unfinished: finish it, stop the stack, or delete the data."""


@contextmanager
def change_project(settings: Settings, verb: str, subject: str = "") -> Iterator[AuditRecord]:
    """Hold the lock (waiting at most ``settings.lock_timeout`` seconds) and write the audit log.

    Raises Locked with its owner, RestoreUnfinished and FileUnwritable.
    """
    with (
        hold_lock(settings.state_dir, verb, timeout=settings.lock_timeout),
        record_verb(settings.state_dir, verb, subject) as record,
    ):
        if verb not in _WHILE_UNFINISHED:
            require_restore_finished(settings)
        yield record
