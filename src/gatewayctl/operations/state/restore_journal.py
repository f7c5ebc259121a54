"""That a restore is halfway: the databases are the backup's, and .env may not be yet.

A stack that started so would write into data whose secrets it does not have. Owns
`.gatewayctl/restore.json`, which is there from before the first database is swapped until the
secrets are those of the data; no secret is in it. Must not know how anything is restored.
"""

from __future__ import annotations

import json
from pathlib import Path

from gatewayctl.errors import RestoreUnfinished
from gatewayctl.files.atomic import write_atomically
from gatewayctl.settings.model import Settings


def begin(settings: Settings, archive: Path) -> None:
    """From here on only a restore can go on; on disk before this returns.

    Raises FileUnwritable.
    """
    write_atomically(_file(settings), json.dumps({"file": str(archive)}).encode(), mode=0o600)


def end(settings: Settings) -> None:
    """Data and secrets belong together again, or the data is gone."""
    _file(settings).unlink(missing_ok=True)


def unfinished_restore(settings: Settings) -> str | None:
    """The backup that was being restored; None where data and secrets belong together."""
    try:
        return str(json.loads(_file(settings).read_text(encoding="utf-8"))["file"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        # It is there, so a restore is halfway; which backup it was is only told.
        return "FILE"


def require_restore_finished(settings: Settings) -> None:
    """Raise RestoreUnfinished where the databases may not be those of .env."""
    archive = unfinished_restore(settings)
    if archive is not None:
        raise RestoreUnfinished(
            "A restore was interrupted between the databases and their secrets.",
            hint=f"Finish it: gatewayctl restore {archive} --yes (or restore another backup).",
        )


def _file(settings: Settings) -> Path:
    return settings.state_dir / "restore.json"
