"""The one door of every state-changing verb: lock, audit log, and what an interruption leaves.

Owns which verbs wait for the lock, which are allowed while a restore is unfinished, and which while
the environment overrides a secret of .env. Must not know what a verb changes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gatewayctl.errors import GatewayctlError, Interrupted
from gatewayctl.operations.state.audit import record_verb
from gatewayctl.operations.state.lock import hold_lock
from gatewayctl.operations.state.restore_journal import require_restore_finished
from gatewayctl.runtimes.kubernetes.context import require_same_place
from gatewayctl.runtimes.runtime_marker import is_kubernetes
from gatewayctl.settings.model import Settings
from gatewayctl.settings.overrides import require_no_overrides

LONG_VERBS: Final = frozenset(
    {
        *("up", "down", "down --volumes", "restart"),
        *("backup", "restore", "reset", "upgrade", "rollback", "images pin", "scale", "bench"),
    }
)
"""Verbs that start or stop services, copy databases or pull images: they take minutes. They wait
for the lock only if asked to. All others take seconds, and wait for each other."""
SHORT_WAIT: Final = 30.0
"""Seconds that short verbs wait for the lock by default."""
_WHILE_UNFINISHED: Final = frozenset({"restore", "down", "down --volumes"})
"""Verbs allowed while a restore is unfinished: finish it, stop the stack, or delete the data."""
_USING_NO_SECRET: Final = frozenset(
    {"down", "down --volumes", "render", "images pin", "keys revoke", "doctor --fix"}
)
"""Verbs allowed while the environment overrides a secret of .env: they apply none of them, but for
`doctor --fix`, of which only the fix of the keys does."""
_IN_NO_CLUSTER: Final = frozenset({"render", "images pin", "config pull", "backup"})
"""Verbs that change nothing in a cluster, and may read from the one of the last `up`. `up` itself
may move to another one, once the user agreed."""
_NOTHING: Final = "Nothing was changed."


@dataclass(slots=True, kw_only=True)
class Change:
    """What a running verb reports about itself, for who interrupts it and for the audit log.

    ``state``: what is true if it ends now, as a sentence. ``way_on``: after a point of no return,
    the command that finishes it or goes back; it becomes part of the hint of every failure.
    ``problem``: that of the report it returns. ``subject`` replaces the one it began with, once the
    verb knows what it changed.
    """

    state: str = ""
    way_on: str = ""
    problem: GatewayctlError | None = None
    subject: str = ""


def change_project(
    settings: Settings, verb: str, subject: str = ""
) -> AbstractContextManager[Change]:
    """Hold the project's lock and write the audit log.

    Waits at most ``settings.lock_timeout`` seconds for the lock; by default a short verb waits 30
    seconds and a long one not at all. Raises Locked with its owner, RestoreUnfinished,
    SecretOverridden, ContextChanged, FileUnwritable, and Interrupted on Ctrl-C.
    """
    if verb not in _USING_NO_SECRET:
        require_no_overrides(settings)
    if verb not in {"up", *_IN_NO_CLUSTER} and is_kubernetes(settings):
        require_same_place(settings)
    return change_folder(settings.state_dir, verb, subject, lock_timeout=settings.lock_timeout)


@contextmanager
def change_folder(
    state_dir: Path, verb: str, subject: str = "", *, lock_timeout: float | None = None
) -> Iterator[Change]:
    """The same for a project whose settings are not loaded yet."""
    default = 0.0 if verb in LONG_VERBS else SHORT_WAIT
    timeout = default if lock_timeout is None else lock_timeout
    change = Change(state=_NOTHING)
    try:
        with (
            hold_lock(state_dir, verb, timeout=timeout),
            record_verb(state_dir, verb, subject) as record,
        ):
            if verb not in _WHILE_UNFINISHED:
                require_restore_finished(state_dir)
            change.state = ""
            yield change
            record.problem, record.subject = change.problem, change.subject
    except KeyboardInterrupt:
        message = f"Interrupted. {change.state}".strip()
        raise Interrupted(message, hint=change.way_on) from None
    except GatewayctlError as error:
        if change.way_on:
            error.hint = f"{change.way_on} {error.hint}"
        raise
