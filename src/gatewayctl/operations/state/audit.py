"""The audit log: which state-changing verb ran when, for how long, and how it ended.

``.gatewayctl/audit.jsonl`` gets a line when a verb begins and another when it ends, so killed verbs
are visible too. Owns the format of those lines. They hold names of verbs and error codes, never a
message or a value, so they cannot contain a secret.
"""

from __future__ import annotations

import getpass
import json
import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

from gatewayctl.errors import FileUnreadable, GatewayctlError, Interrupted
from gatewayctl.files.json_text import parse_json
from gatewayctl.files.owner import give_to_sudo_user

NAME: Final = "audit.jsonl"
_BUG: Final = GatewayctlError.code

AuditOutcome = Literal["done", "partial", "failed", "interrupted", "running", "died"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One verb that changed the project, or tried to.

    ``subject`` is a key alias or services, ``seconds`` the duration and ``code`` the error code;
    None if not applicable. A verb without an end is ``running`` while its process exists, else
    ``died``.
    """

    at: datetime
    verb: str
    subject: str | None
    user: str
    pid: int
    outcome: AuditOutcome
    code: str | None
    seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditReport:
    """The log, oldest first; ``unreadable`` counts lines in another format."""

    file: Path
    entries: tuple[AuditEntry, ...]
    unreadable: int


@dataclass(slots=True, kw_only=True)
class AuditRecord:
    """What a running verb adds to its entry: the problem of the report it returns.

    ``subject`` replaces the one it began with, once the verb knows what it changed.
    """

    problem: GatewayctlError | None = None
    subject: str = ""


@contextmanager
def record_verb(state_dir: Path, verb: str, subject: str = "") -> Iterator[AuditRecord]:
    """Record that the verb began, and how it ended. A full disk never stops the verb."""
    log, mark = state_dir / NAME, uuid.uuid4().hex[:12]
    who: dict[str, Any] = {"pid": os.getpid(), "user": _user(), "verb": verb, "subject": subject}
    _append(log, {"id": mark, "event": "began", **who})
    began, record, how = time.monotonic(), AuditRecord(), ("done", "")
    try:
        yield record
        if record.problem is not None:
            how = ("partial", record.problem.code)
    except (KeyboardInterrupt, GeneratorExit, Interrupted):
        how = ("interrupted", Interrupted.code)
        raise
    except GatewayctlError as error:
        how = ("failed", error.code)
        raise
    except BaseException:
        how = ("failed", _BUG)
        raise
    finally:
        took = round(time.monotonic() - began, 3)
        end: dict[str, Any] = {"outcome": how[0], "code": how[1] or None, "seconds": took}
        if record.subject:
            end["subject"] = record.subject
        _append(log, {"id": mark, "event": "ended", **end})


def read_audit(state_dir: Path, *, tail: int | None = None) -> AuditReport:
    """Read the last ``tail`` entries of the log, or all; a missing log is empty.

    Lines in another format are counted and skipped. Raises FileUnreadable.
    """
    file = state_dir / NAME
    begun: dict[str, dict[str, Any]] = {}
    ended: dict[str, dict[str, Any]] = {}
    unreadable = 0
    for line in _lines(file):
        try:
            event = parse_json(line)
            {"began": begun, "ended": ended}[event["event"]][event["id"]] = event
        except (ValueError, KeyError, TypeError):
            unreadable += 1
    entries = []
    for mark, event in begun.items():
        try:
            entries.append(_entry(event, ended.get(mark)))
        except (ValueError, KeyError, TypeError, OverflowError):
            unreadable += 1
    kept = entries if tail is None else entries[len(entries) - min(tail, len(entries)) :]
    return AuditReport(file=file, entries=tuple(kept), unreadable=unreadable)


def _entry(began: dict[str, Any], ended: dict[str, Any] | None) -> AuditEntry:
    pid = int(began["pid"])
    open_outcome: AuditOutcome = "running" if _alive(pid) else "died"
    return AuditEntry(
        at=datetime.fromisoformat(began["at"]),
        verb=str(began["verb"]),
        subject=(ended or {}).get("subject") or began.get("subject") or None,
        user=str(began["user"]),
        pid=pid,
        outcome=open_outcome if ended is None else ended["outcome"],
        code=None if ended is None else ended["code"],
        seconds=None if ended is None else float(ended["seconds"]),
    )


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise FileUnreadable(
            f"Cannot read {file}: {error.strerror}.", hint="Permit reading, or move it away."
        ) from error


def _append(log: Path, event: dict[str, Any]) -> None:
    line = json.dumps({"at": datetime.now(UTC).isoformat(timespec="milliseconds"), **event})
    with suppress(OSError):
        handle = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            give_to_sudo_user(handle, log.parent.stat())
            # One write: lines of two processes never mix.
            os.write(handle, line.encode() + b"\n")
        finally:
            os.close(handle)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
