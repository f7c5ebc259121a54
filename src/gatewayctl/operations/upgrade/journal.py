"""What an upgrade wrote down before it changed anything, so that it can go on or back.

Owns `.gatewayctl/upgrade.json`: no secret is in it. It is there from the first change until a
rollback, so that an upgrade can be taken back after it succeeded too.
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
from gatewayctl.operations.upgrade.setting import SettingChange
from gatewayctl.settings.model import Settings

Step = Literal["changing", "starting", "done"]
_FORMAT: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Journal:
    """An upgrade from release ``before`` to ``after``, and what was there before it.

    ``ledger`` are the migrations that LiteLLM's database had, ``rows`` the counts of its tables
    that people miss, ``keys`` the variables whose virtual keys it knew. ``written`` is None where
    gateway.yaml is not what was changed.
    """

    before: str
    after: str
    at: datetime
    step: Step = "changing"
    backup: Path | None = None
    written: SettingChange | None = None
    ledger: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    rows: Mapping[str, int] = field(default_factory=dict)

    @property
    def unfinished(self) -> bool:
        return self.step != "done"


def read_journal(settings: Settings) -> Journal | None:
    """The last upgrade of the project; None where there was none. Raises FileUnreadable."""
    path = _file(settings)
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return _journal(found)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FileUnreadable(
            f"{path} cannot be read, so it is not known what the last upgrade did.",
            hint=f"Look at gateway.yaml and `gatewayctl status`; then delete {path}.",
        ) from error


def write_journal(settings: Settings, journal: Journal) -> None:
    """Keep it, on disk before this returns. Raises FileUnwritable."""
    kept: dict[str, Any] = {"format": _FORMAT, **asdict(journal)}
    kept["at"] = journal.at.isoformat()
    kept["backup"] = None if journal.backup is None else str(journal.backup)
    write_atomically(_file(settings), json.dumps(kept, indent=1).encode(), mode=0o600)


def advance_journal(settings: Settings, journal: Journal, step: Step) -> Journal:
    """The same upgrade, one step on."""
    moved = replace(journal, step=step)
    write_journal(settings, moved)
    return moved


def delete_journal(settings: Settings) -> None:
    """It was taken back: there is nothing to go on with, or back to."""
    _file(settings).unlink(missing_ok=True)


def _journal(found: dict[str, Any]) -> Journal:
    if found.pop("format") != _FORMAT:
        raise ValueError("another format")
    found["at"] = datetime.fromisoformat(found["at"])
    found["backup"] = None if found["backup"] is None else Path(found["backup"])
    found["written"] = None if found["written"] is None else SettingChange(**found["written"])
    found["ledger"], found["keys"] = tuple(found["ledger"]), tuple(found["keys"])
    return Journal(**found)


def _file(settings: Settings) -> Path:
    return settings.state_dir / "upgrade.json"
