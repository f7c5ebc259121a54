"""What an upgrade recorded before it changed anything, so that it can be resumed or rolled back.

Owns `.gatewayctl/upgrade.json`, which contains no secret. It exists from just before the first
change until a rollback, so an upgrade that succeeded can be rolled back too, or until the data it
describes is deleted or replaced: a rollback would bring that back. Must not know how a release is
changed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal

from gatewayctl.errors import FileUnreadable
from gatewayctl.files.atomic import write_atomically
from gatewayctl.files.json_text import parse_json
from gatewayctl.settings.model import Settings

Step = Literal["changing", "starting", "done"]
_FORMAT: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingChange:
    """A change of gateway.yaml: its text before, and the hash of its text after.

    ``before`` is None where there was no file, or where it did not set the release that ran.
    """

    before: str | None
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Journal:
    """An upgrade from release ``before`` to ``after``, and the state before it.

    ``migrations`` are those applied to LiteLLM's database, ``rows`` the row counts of its keys and
    spend logs, ``spend_days`` those of the spend logs by day, ``keys`` the variables whose virtual
    keys it knew. ``written`` is None where the release is not set in gateway.yaml.
    """

    before: str
    after: str
    at: datetime
    step: Step = "changing"
    backup: Path | None = None
    written: SettingChange | None = None
    migrations: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    rows: Mapping[str, int] = field(default_factory=dict)
    spend_days: Mapping[str, int] = field(default_factory=dict)

    @property
    def unfinished(self) -> bool:
        return self.step != "done"


def read_journal(settings: Settings) -> Journal | None:
    """The last upgrade of the project; None where there was none. Raises FileUnreadable."""
    path = _file(settings)
    try:
        return _parse(parse_json(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise FileUnreadable(
            f"{path} cannot be read, so the state of the last upgrade is unknown.",
            hint=f"Look at gateway.yaml and `gatewayctl status`; then delete {path}.",
        ) from error


def write_journal(settings: Settings, journal: Journal) -> None:
    """Write it to disk before this returns. Raises FileUnwritable."""
    document: dict[str, Any] = {"format": _FORMAT, **asdict(journal)}
    document["at"] = journal.at.isoformat()
    document["backup"] = None if journal.backup is None else str(journal.backup)
    write_atomically(_file(settings), json.dumps(document, indent=1).encode(), mode=0o600)


def advance_journal(settings: Settings, journal: Journal, step: Step) -> Journal:
    """Write and return the journal with another step. Raises FileUnwritable."""
    advanced = replace(journal, step=step)
    write_journal(settings, advanced)
    return advanced


def delete_journal(settings: Settings) -> None:
    """Delete it, after a rollback or with the project's data."""
    _file(settings).unlink(missing_ok=True)


def delete_journal_of_other_data(settings: Settings, archive: Path, *, can_roll_back: bool) -> None:
    """Delete it after a restore, unless the backup is the one that the upgrade wrote.

    ``can_roll_back``: the runtime can go back to a release. Where it cannot, that restore is the
    way back itself, and the next upgrade must not take this one's backup for its own.
    """
    if not can_roll_back:
        delete_journal(settings)
        return
    try:
        journal = read_journal(settings)
    except FileUnreadable:
        journal = None
    if journal is None or journal.backup is None or not _is_same_file(journal.backup, archive):
        delete_journal(settings)


def _parse(document: dict[str, Any]) -> Journal:
    if document.pop("format") != _FORMAT:
        raise ValueError("unknown format")
    document["at"] = datetime.fromisoformat(document["at"])
    document["backup"] = None if document["backup"] is None else Path(document["backup"])
    if document["written"] is not None:
        document["written"] = SettingChange(**document["written"])
    for name in ("migrations", "keys"):
        document[name] = tuple(document[name])
    return Journal(**document)


def _is_same_file(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False


def _file(settings: Settings) -> Path:
    return settings.state_dir / "upgrade.json"
