"""A record that a restore is unfinished: the databases are the backup's, .env may not be yet.

A stack started in that state would write into data whose secrets it does not have. Owns
`.gatewayctl/restore.json`, which exists from before the first database is swapped until .env has
the secrets of the data; it contains no secret. Must not know how anything is restored.
"""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Final

from gatewayctl.errors import RestoreUnfinished
from gatewayctl.files.atomic import write_atomically
from gatewayctl.files.folders import require_folder
from gatewayctl.files.json_text import parse_json

_NAME: Final = "restore.json"


def begin(state_dir: Path, archive: Path) -> None:
    """Record on disk, before this returns, that a restore began. Raises FileUnwritable."""
    write_atomically(state_dir / _NAME, json.dumps({"file": str(archive)}).encode(), mode=0o600)


def end(state_dir: Path) -> None:
    """Delete the record: .env has the secrets of the data, or the data was deleted."""
    (state_dir / _NAME).unlink(missing_ok=True)


def unfinished_restore(state_dir: Path) -> str | None:
    """The backup of an unfinished restore; None where there is none. Raises FolderUnusable."""
    require_folder(state_dir)
    try:
        return str(parse_json((state_dir / _NAME).read_text(encoding="utf-8"))["file"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        # The record exists, so a restore is unfinished; the file's name is only for the message.
        return "FILE"


def require_restore_finished(state_dir: Path) -> None:
    """Raise RestoreUnfinished where the databases may not match .env."""
    archive = unfinished_restore(state_dir)
    if archive is not None:
        raise RestoreUnfinished(
            "A restore was interrupted between the databases and their secrets.",
            hint=f"Finish it: `gatewayctl restore {shlex.quote(archive)} --yes` "
            "(or restore another backup).",
        )
